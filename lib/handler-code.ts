import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { AssetHashType, DockerImage } from 'aws-cdk-lib';
import { Code } from 'aws-cdk-lib/aws-lambda';
import { type BuildFailure, type BuildOptions, buildSync } from 'esbuild';
import { byWorker, type FunctionName } from '../core/workers.ts';
import type { Settings } from './settings.ts';

const root = join(import.meta.dirname, '..');

/**
 * What a function imports at its first use only (`await import(…)`) and may never use: files of their own, since whatever stands in the
 * first file is read and compiled at every cold start. `npm run bench -- start` measures it.
 */
export const loadedAtFirstUse: Readonly<Record<FunctionName, readonly string[]>> = {
  ...byWorker(() => ['stripe', '@aws-sdk/client-sqs', '@aws-sdk/client-eventbridge']),
  audit: [],
  reconcile: ['stripe', '@aws-sdk/client-sqs', '@aws-sdk/client-s3'],
};

/** The SDK's ways to credentials that a function never takes: Lambda hands them over in variables. 170 KB less to read. */
const otherCredentials = [
  '@aws-sdk/credential-provider-http',
  '@aws-sdk/credential-provider-ini',
  '@aws-sdk/credential-provider-process',
  '@aws-sdk/credential-provider-sso',
  '@aws-sdk/credential-provider-web-identity',
  '@smithy/credential-provider-imds',
];

/**
 * The code of one function: `lambdas/<name>/handler.ts` and all it imports, in a CommonJS file, and one for each package that it loads at
 * first use.
 *
 * The asset's hash is that of the output, so a comment changes nothing that is deployed, and a changed plan or
 * certificate, which are bundled, does. Where nothing is bundled (`aws:cdk:bundling-stacks: []`), the sources stand in.
 */
export function handlerCode(name: FunctionName, settings: Pick<Settings, 'catalogue' | 'databaseCa'>): Code {
  const define = {
    BUNDLED_CATALOGUE: JSON.stringify(settings.catalogue),
    BUNDLED_DATABASE_CA: JSON.stringify(settings.databaseCa ?? null),
  };
  return Code.fromAsset(join(root, 'lambdas', name), {
    assetHashType: AssetHashType.OUTPUT,
    bundling: {
      // CDK wants an image as a fallback; `tryBundle` either succeeds or throws, so it is never pulled.
      image: DockerImage.fromRegistry('unused'),
      // Part of CDK's cache key; without it two apps of one process would share a bundle in spite of different plans.
      environment: { DEFINE: createHash('sha256').update(JSON.stringify(define)).digest('hex') },
      local: {
        tryBundle: (outputFolder) => {
          writeBundle(join('lambdas', name, 'handler.ts'), outputFolder, define, loadedAtFirstUse[name]);
          return true;
        },
      },
    },
  });
}

/**
 * Bundles `entry` (relative to the repository) to `index.js` and a `package.json` in `outputFolder`, and each package of `later` to
 * `node_modules/<package>/index.js` below it.
 *
 * `mainFields` prefers the SDK's ES modules, which are a third smaller, and CommonJS output starts 18 ms sooner than ES
 * modules, because `import 'node:http'` costs 20 ms and `require` does not. The SDK is bundled: the runtime's own copy
 * loads slower and changes without us. Names are kept, because that loads as fast as `minifyIdentifiers`, and 3 ms faster
 * than `keepNames`, and an error's stack can be read. Lines are short, because Node prints the line of an uncaught error.
 * No source map: nothing would read it (docs/decisions/0010-bundles.md).
 * @throws {Error} with esbuild's messages: file, line and what is wrong.
 */
export function writeBundle(
  entry: string,
  outputFolder: string,
  define: Record<string, string>,
  later: readonly string[] = [],
): void {
  write(join(outputFolder, 'index.js'), bundle(entry, { define, external: [...external, ...later] }));
  // Below this repository, whose package is of type module, Node would take index.js for an ES module.
  write(join(outputFolder, 'package.json'), '{"type":"commonjs"}\n');
  for (const name of later) write(join(outputFolder, 'node_modules', name, 'index.js'), packageCode(name));
}

/** What no bundle holds: optional for those who would load it, and never asked for. */
const external = ['pg-native', ...otherCredentials];

const packages = new Map<string, Uint8Array>();

/** The same for every function, so made once. */
function packageCode(name: string): Uint8Array {
  const code = packages.get(name) ?? bundle(name, { external });
  packages.set(name, code);
  return code;
}

function bundle(entry: string, options: Pick<BuildOptions, 'define' | 'external'>): Uint8Array {
  try {
    const [file] = buildSync({
      absWorkingDir: root,
      entryPoints: [entry],
      // Never written to: files are placed by the caller.
      outfile: join(root, 'bundle', 'index.js'),
      write: false,
      bundle: true,
      platform: 'node',
      target: 'node24',
      format: 'cjs',
      mainFields: ['module', 'main'],
      // A package that is loaded later is loaded by `require`: the first `import()` of a process starts Node's other loader.
      supported: { 'dynamic-import': false },
      minifySyntax: true,
      minifyWhitespace: true,
      lineLimit: 200,
      legalComments: 'none',
      logLevel: 'silent',
      ...options,
    }).outputFiles;
    return file!.contents;
  } catch (cause) {
    const failure = cause as Partial<BuildFailure>;
    const lines = failure.errors?.map(
      ({ text, location }) => `${location ? `${location.file}:${location.line}:${location.column}: ` : ''}${text}`,
    );
    throw new Error(`${entry} cannot be bundled:\n${(lines ?? [String(cause)]).join('\n')}`, { cause });
  }
}

function write(path: string, contents: Uint8Array | string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, contents);
}
