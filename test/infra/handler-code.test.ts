import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { byWorker, functionNames } from '../../core/workers.ts';
import { auditEnv, reconcileEnv, workerEnv } from '../../lambdas/env.ts';
import { loadedAtFirstUse, writeBundle } from '../../lib/handler-code.ts';
import type { Settings } from '../../lib/settings.ts';
import { catalogue } from '../support/catalogue.ts';
import { root, Synthesis } from './synthesis.ts';

const temporary = mkdtempSync(join(tmpdir(), 'handler-code-'));
afterAll(() => rmSync(temporary, { recursive: true }));

let folders = 0;
const bundled = (entry: string, define: Record<string, string> = {}, later: readonly string[] = []) => {
  const folder = join(temporary, `bundle-${folders++}`);
  writeBundle(entry, folder, define, later);
  return folder;
};

/** What a handler asks for as it is loaded; any value will do. */
const environment = {
  ...Object.fromEntries([...workerEnv, ...auditEnv, ...reconcileEnv, 'AWS_REGION'].map((name) => [name, 'x'])),
  WORK_QUEUE_URLS: JSON.stringify(byWorker(() => 'x')),
};

/** A handler outside the repository; its path is given from the repository, as the entry of a real one is. */
const source = (text: string) => {
  const folder = join(temporary, `source-${folders++}`);
  mkdirSync(folder);
  writeFileSync(join(folder, 'handler.ts'), text);
  return relative(root, join(folder, 'handler.ts'));
};

describe('a bundle', () => {
  it('is a CommonJS file, also below a package of ES modules', () => {
    const folder = bundled(source('export const handler = async (name: string) => "hello " + name;'));
    expect(readdirSync(folder).sort()).toEqual(['index.js', 'package.json']);
    expect(readFileSync(join(folder, 'package.json'), 'utf8')).toBe('{"type":"commonjs"}\n');
    const script = `require(${JSON.stringify(folder)} + '/index.js').handler('Ada').then(console.log)`;
    expect(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' })).toBe('hello Ada\n');
  });

  it('holds what was validated at synth', () => {
    const folder = bundled(
      source(
        'declare const BUNDLED_CATALOGUE: unknown; declare const BUNDLED_DATABASE_CA: unknown; export const handler = () => [BUNDLED_CATALOGUE, BUNDLED_DATABASE_CA];',
      ),
      {
        BUNDLED_CATALOGUE: JSON.stringify({ plans: [{ id: 'gold' }] }),
        BUNDLED_DATABASE_CA: JSON.stringify('-----BEGIN…\n'),
      },
    );
    const script = `console.log(JSON.stringify(require(${JSON.stringify(folder)} + '/index.js').handler()))`;
    expect(JSON.parse(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' }))).toEqual([
      { plans: [{ id: 'gold' }] },
      '-----BEGIN…\n',
    ]);
  });

  it('does not depend on the folder it is written to, so the same code has the same version everywhere', () => {
    const entry = source('export const handler = () => { throw new Error("x"); };');
    const [here, there] = [bundled(entry), bundled(entry)];
    for (const file of readdirSync(here))
      expect(readFileSync(join(here, file))).toEqual(readFileSync(join(there, file)));
  });

  it('has lines short enough for a log, since Node prints the line of an uncaught error', () => {
    const folder = bundled(source(`export const handler = () => [${Array(500).fill('Math.random()').join()}];`));
    const longest = Math.max(
      ...readFileSync(join(folder, 'index.js'), 'utf8')
        .split('\n')
        .map(({ length }) => length),
    );
    expect(longest).toBeLessThan(1000);
  });

  it('reads a package that is loaded at first use only then, from a file of its own', () => {
    const entry = source(
      'export const loaded = () => Object.keys(require.cache).length;\n' +
        'export const handler = async () => typeof (await import("@aws-sdk/client-sqs")).SQSClient;',
    );
    const folder = bundled(entry, {}, ['@aws-sdk/client-sqs']);
    // Nothing else of this repository may stand in for the file.
    const elsewhere = join(temporary, `moved-${folders++}`);
    cpSync(folder, elsewhere, { recursive: true });
    const script = `const { handler, loaded } = require(${JSON.stringify(elsewhere)} + '/index.js');
      const before = loaded(); handler().then((type) => console.log(type, loaded() - before))`;
    expect(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' })).toBe('function 1\n');
    expect(readFileSync(join(folder, 'index.js'), 'utf8').length).toBeLessThan(2_000);
  });

  it('that cannot be made says where and why', () => {
    const entry = source('import { nothing } from "./nowhere.ts";\nexport const handler = nothing;');
    expect(() => bundled(entry)).toThrow(
      /handler\.ts cannot be bundled:\n.*handler\.ts:1:24: Could not resolve "\.\/nowhere\.ts"$/,
    );
  });
});

describe('the deployed code', () => {
  it('has a version of its own for each catalogue and certificate, and the same one in every environment', () => {
    const version = (context: Record<string, unknown>, change: Partial<Settings> = {}) =>
      new Synthesis({ 'aws:cdk:bundling-stacks': ['**'], ...context }, (settings) => ({ ...settings, ...change })).json
        .Outputs.CodeVersion.Value;
    const plain = version({});
    expect(plain).toMatch(/^\d+\.\d+\.\d+\+[0-9a-f]{12}$/);
    expect(version({ environment: 'prod', createKmsKey: 'true' })).toBe(plain);
    expect(version({}, { databaseCa: 'PEM' })).not.toBe(plain);
  });

  it.each(functionNames)('of %s exports its handler and brings no file but its own', (name) => {
    const folder = bundled(
      `lambdas/${name}/handler.ts`,
      {
        BUNDLED_CATALOGUE: JSON.stringify(catalogue),
        BUNDLED_DATABASE_CA: 'null',
      },
      loadedAtFirstUse[name],
    );
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => /\.\w+$/.test(file));
    expect(files.sort()).toEqual(
      ['index.js', ...loadedAtFirstUse[name].map((later) => `node_modules/${later}/index.js`), 'package.json'].sort(),
    );
    const code = readFileSync(join(folder, 'index.js'), 'utf8');
    expect(code).not.toContain('sourceMappingURL');
    expect(code).toMatch(/\bhandler:\(\)=>handler\b/);
    const outside = [...code.matchAll(/\brequire\("([^"]+)"\)/g)].map(([, module]) => module!);
    // Optional for those who would load them, and never asked for: Lambda hands credentials over in variables.
    const never = ['pg-native', '@aws-sdk/signature-v4-crt', '@smithy/credential-provider-imds'];
    const expected = new Set([
      ...never,
      ...loadedAtFirstUse[name],
      ...process.getBuiltinModule('node:module').builtinModules,
    ]);
    const unexpected = outside.filter(
      (module) => !expected.has(module.replace(/^node:/, '')) && !/^@aws-sdk\/credential-provider-/.test(module),
    );
    expect(unexpected).toEqual([]);
    for (const later of loadedAtFirstUse[name]) {
      expect(outside).toContain(later);
      expect(existsSync(join(folder, 'node_modules', later, 'index.js'))).toBe(true);
    }
    // Each is asked for within a function, never as the file is read.
    const script = `require(${JSON.stringify(folder)} + '/index.js'); console.log(Object.keys(require.cache).length)`;
    expect(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8', env: environment })).toBe('1\n');
    // Lambda reads all of it at every cold start; `npm run bench -- start` says how long that takes.
    expect(code.length).toBeLessThan(1_000_000);
  });
});
