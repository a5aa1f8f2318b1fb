import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { verbs } from '../../ops/cli/command-line.ts';
import { type Pipeline, startPipeline } from './pipeline.ts';

let pipeline: Pipeline;
beforeEach(async () => {
  pipeline = await startPipeline();
});
afterEach(() => pipeline.close());

const names = Object.values(verbs).flatMap((group) => group.map(({ name }) => name));

it('lists every verb under the moment it is for', async () => {
  const { code, out } = await pipeline.run('--help');
  expect(code).toBe(0);
  for (const title of [
    'Going live:',
    'Something is wrong:',
    'Repairing:',
    'Somebody asks:',
    'Exit codes: 0 done, 1 found something wrong, 2 wrong usage',
  ])
    expect(out).toContain(title);
  for (const verb of names) expect(out).toMatch(new RegExp(`^ {2}${verb} `, 'm'));
});

it.each(names)('%s explains itself', async (verb) => {
  const { code, out } = await pipeline.run(verb, '--help');
  expect(code).toBe(0);
  expect(out).toContain(`npm run ops -- ${verb}`);
  expect(out).toContain('--env <name>');
  expect(out).not.toContain('undefined');
});

it.each([
  [['paus'], /unknown command 'paus'[\s\S]*Did you mean pause/],
  [['status', '--wach'], /unknown option '--wach'[\s\S]*Did you mean --watch/],
  [['pause', 'nobody'], /Allowed choices are payments, billing, audit/],
  [['replay'], /required option '--from <time>'/],
  [['replay', '--from', 'yesterday', '--to', '1h'], /wanted a time such as/],
  [['replay', '--from', '2h', '--to', '1h', '--rules', 'audit'], /would keep them twice/],
  [['replay', '--from', '2h', '--to', '1h', '--at-once', '11'], /whole number from 1 to 10/],
  [['redrive', '--limit', '0'], /whole number from 1 to 10000/],
  [['status', '--region', 'Frankfurt (eu)'], /wanted an AWS region such as eu-central-1/],
  [['status', '--env', 'production'], /Allowed choices are dev, staging, prod/],
])('answers %j with what is wrong, and exit code 2', async (args, message) => {
  const { code, err } = await pipeline.run(...args);
  expect(code).toBe(2);
  expect(err).toMatch(message);
});

it('names the environment, and what else was named, in every command line that it prints', async () => {
  pipeline.aws.mappings.set('mapping-billing', { State: 'Disabled', looks: 0 });
  const { json } = await pipeline.run('status', '--region', 'eu-central-1', '--json');
  expect(json.data.reasons.join()).toContain('`npm run ops -- resume --apply --env dev --region eu-central-1`');
  const prod = await startPipeline('prod');
  try {
    prod.aws.stacks.clear();
    const { err } = await prod.run('destination');
    expect(err).toContain('`npx cdk deploy -c environment=prod`');
  } finally {
    await prod.close();
  }
});

it('says how to deploy when there is no stack, in words and in JSON', async () => {
  const missing = await pipeline.run('status', '--app', 'shop');
  expect(missing.code).toBe(2);
  expect(missing.err).toBe(
    'There is no stack "shop-stripe-dev" in eu-central-1.\nDeploy it (`npx cdk deploy -c environment=dev -c appName=shop`), or name another with --env, --region or --app.',
  );
  const { json, code } = await pipeline.run('status', '--app', 'shop', '--json');
  expect(code).toBe(2);
  expect(json).toEqual({
    verb: 'status',
    environment: 'dev',
    error: {
      code: 'no_stack',
      message: 'There is no stack "shop-stripe-dev" in eu-central-1.',
      fix: 'Deploy it (`npx cdk deploy -c environment=dev -c appName=shop`), or name another with --env, --region or --app.',
    },
  });
});

it('names the outputs that a stack of another version lacks', async () => {
  delete pipeline.aws.stacks.get('huntaze-stripe-dev')!.outputs.BillingMappingId;
  const { code, err } = await pipeline.run('pause');
  expect(code).toBe(2);
  expect(err).toContain('lacks the outputs BillingMappingId');
});

it.each([
  ['ExpiredTokenException', /expired[\s\S]*aws sso login/],
  ['UnrecognizedClientException', /does not accept these credentials[\s\S]*AWS_PROFILE/],
  ['AccessDeniedException', /Ask for that action/],
])('turns %s into a sentence with the fix', async (error, message) => {
  pipeline.aws.errors.set('GetSecretValue', error);
  const { code, err } = await pipeline.run('secrets');
  expect(code).toBe(2);
  expect(err).toMatch(message);
});

it('says how to fill the secret of this environment when it is empty', async () => {
  const { code, err } = await pipeline.run('replay', '--from', '2h', '--to', '1h');
  expect(code).toBe(2);
  expect(err).toBe(
    'DATABASE_URL is empty in the secret. `ops secrets` sets it.\n`npm run ops -- secrets --apply --env dev` asks for each value.',
  );
});

it('says which bucket is gone, and how to see what else is, instead of a stack', async () => {
  const events = new Date(Date.now() - 3_600_000).toISOString();
  pipeline.outputs.AuditBucketName = 'gone';
  pipeline.aws.secret = JSON.stringify({ DATABASE_URL: 'postgres://stripe_writer@127.0.0.1:1/x' });
  const { code, err } = await pipeline.run('replay', '--from', events, '--to', '30min');
  expect(code).toBe(2);
  expect(err).toMatch(/^AWS says that something of this stack does not exist: .* \[NoSuchBucket\]\./);
  expect(err).toContain('`npx cdk drift -c environment=dev` names it.');
});

it('ends without a word when nobody reads on, as before `| head`', async () => {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../../bin/ops.ts'), '--help'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.destroy();
  const said: Buffer[] = [];
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk));
  expect(await once(child, 'close')).toEqual([0, null]);
  expect(Buffer.concat(said).toString()).toBe('');
});
