import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { environmentsFolder, eventSource, root } from './synthesis.ts';

const out = mkdtempSync(join(tmpdir(), 'app-'));
afterAll(() => rmSync(out, { recursive: true }));

/** Runs the app as the CDK CLI does. */
function run(context: Record<string, unknown>) {
  const { app, context: flags } = JSON.parse(readFileSync(join(root, 'cdk.json'), 'utf8'));
  const [command, ...args] = app.split(' ');
  return spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    // No PATH: whatever Node a machine has, the app runs under this repository's own.
    env: {
      CDK_OUTDIR: out,
      CDK_CONTEXT_JSON: JSON.stringify({ ...flags, 'aws:cdk:bundling-stacks': [], environmentsFolder, ...context }),
    },
  });
}

describe('the app', () => {
  it('writes one template, under the Node of this repository', () => {
    const { status, stderr } = run({ stripeEventSourceName: eventSource });
    expect([status, stderr]).toEqual([0, '']);
    expect(readdirSync(out).filter((name) => name.endsWith('.template.json'))).toEqual([
      'huntaze-stripe-dev.template.json',
    ]);
  });

  it('answers wrong settings with one message, without a stack trace, and writes nothing', () => {
    rmSync(out, { recursive: true });
    const { status, stdout, stderr } = run({ environment: 'live' });
    expect(status).toBe(1);
    expect(stdout).toBe('');
    expect(stderr.split('\n')).toEqual([
      '2 settings are not usable, so nothing was synthesised:',
      '  - environment is "live": choose one of dev, staging, prod.',
      expect.stringMatching(
        /^ {2}- stripeEventSourceName is missing in config\/environments\/dev\.yaml: give aws\.partner\/stripe\.com\/ed_…/,
      ),
      '',
    ]);
    expect(existsSync(join(out, 'manifest.json'))).toBe(false);
  });
});

it('cdk.json has the flags that CDK recommends', () => {
  const document = readFileSync(join(root, 'node_modules/aws-cdk-lib/cx-api/FEATURE_FLAGS.md'), 'utf8');
  const recommended = JSON.parse(/<!-- BEGIN json -->\s*```json\n([\s\S]*?)```/.exec(document)![1]!).context;
  const { context } = JSON.parse(readFileSync(join(root, 'cdk.json'), 'utf8'));
  expect(context).toMatchObject(recommended);
});
