import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';
import { logLines } from '../../core/log-lines.ts';
import { functionNames } from '../../core/workers.ts';
import { settingNames } from '../../lib/settings.ts';
import { describeProgram, everyCommand } from '../../ops/cli/command-line.ts';
import { incidentsOf } from '../deploy/drift.ts';
import { commandLines, commandsOfPages, filled, notRunHere, undoesDamage } from '../deploy/page-commands.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { awsCallsIn, type RunbookLine, runbookLines, runbooksFolder } from './runbook-lines.ts';

/**
 * Every line of a runbook that somebody may type is a command that exists, as its own program says: the verbs' parser, the pinned CDK CLI, the
 * schemas of AWS's SDK, Postgres. The shell blocks are run besides, by `npm run test:deploy`.
 */

const root = join(import.meta.dirname, '../..');
const bin = join(root, 'node_modules/.bin');
const scripts: object = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).scripts;
let database: TestDatabase;
beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(() => database.close());

/** Of several words, and no command: what somebody reads, not types. */
const quoted: Readonly<Record<string, string>> = {
  'Task timed out': 'Lambda’s words in the log',
  'already exists': 'CloudFormation’s words',
  'Event source … does not exist': 'EventBridge’s words',
  'ResourceNotFoundException: … event source': 'EventBridge’s words',
  'finished: false': 'a field of the comparison’s answer',
  'finished: true': 'a field of the comparison’s answer',
  "delete from billing.payments where payment_id = 'ch_…'": 'for the owner of the schema alone, once finance agrees',
  'origin: "replay"': 'a field of a plan event',
  '"KmsMasterKeyId": "alias/huntaze-stripe-prod"': 'a line of queue.json, for deployments with a key',
};

/** Calls of the AWS CLI that are no operation of a service. */
const ofTheCliItself: Readonly<Record<string, string>> = {
  's3 ls': 'lists by s3api list-objects-v2',
  'configure get': 'reads the profile on this machine',
};

const packages: Readonly<Record<string, string>> = {
  events: 'eventbridge',
  logs: 'cloudwatch-logs',
  s3api: 's3',
  secretsmanager: 'secrets-manager',
};
/** Of every call, and none of the service’s. @see https://docs.aws.amazon.com/cli/latest/reference/ */
const globalOptions = ['--query', '--output', '--region', '--profile'];
const plain = (name: string) => name.replaceAll('-', '').toLowerCase();

/** What an operation takes, in lower case without dashes; undefined: there is no such operation. */
function membersOf(service: string, operation: string): string[] | undefined {
  const sdk = createRequire(import.meta.url)(`@aws-sdk/client-${packages[service] ?? service}`);
  const name = Object.keys(sdk).find((one) => one.toLowerCase() === `${plain(operation)}command`);
  return name === undefined ? undefined : new sdk[name]({}).schema[4]()[4].map(plain);
}

function awsProblem(text: string): string | undefined {
  for (const { service, operation, options } of awsCallsIn(text)) {
    if (ofTheCliItself[`${service} ${operation}`]) continue;
    const members = membersOf(service, operation);
    if (members === undefined) return `aws ${service} has no ${operation}`;
    // A flag is switched off by `--no-` before its name.
    const taken = (one: string) => members.includes(plain(one)) || members.includes(plain(one.replace(/^--no-/, '')));
    const unknown = options.filter((one) => !globalOptions.includes(one) && !taken(one));
    if (unknown.length > 0) return `aws ${service} ${operation} takes no ${unknown.join(', ')}`;
  }
  return undefined;
}

const helpOfCdk = new Map<string, string>();
function cdkProblem(text: string): string | undefined {
  const [subcommand = '', ...words] = text.replace(/^(npx )?cdk /, '').split(/\s+/);
  if (!helpOfCdk.has(subcommand)) {
    const env = { ...process.env, PATH: [bin, process.env.PATH].join(delimiter) };
    helpOfCdk.set(subcommand, spawnSync(join(bin, 'cdk'), [subcommand, '--help'], { encoding: 'utf8', env }).stdout);
  }
  const help = helpOfCdk.get(subcommand)!;
  if (!help.startsWith(`cdk ${subcommand}`)) return `the CDK CLI has no ${subcommand}`;
  const unknown = words.filter(
    (word) => word.startsWith('--') && !new RegExp(`^\\s+${word.split('=')[0]}\\b`, 'm').test(help),
  );
  if (unknown.length > 0) return `cdk ${subcommand} takes no ${unknown.join(', ')}`;
  const settings = words.flatMap((word, index) => (words[index - 1] === '-c' ? [word.split('=')[0]!] : []));
  const odd = settings.filter((name) => ![...settingNames, 'environment'].includes(name));
  return odd.length > 0 ? `${odd.join(', ')} is no setting` : undefined;
}

async function verbProblem(command: string): Promise<string | undefined> {
  const program = describeProgram({ out: () => {}, err: () => {} }, async () => {});
  const words = command
    .replaceAll(/<first event>|<now - 10 min>|<time>|(?<=--(?:from|to) )…/g, '2026-11-20T08:00:00Z')
    .match(/"[^"]*"|\S+/g)!
    .map((word) => word.replaceAll('"', ''));
  return program.parseAsync(words, { from: 'user' }).then(
    () => undefined,
    (error: Error) => error.message,
  );
}

/** As `billing_reader`, whose rows finance and support read. */
async function sqlProblem(sql: string): Promise<string | undefined> {
  const client = await database.admin.connect();
  try {
    await client.query('begin read only');
    await client.query('set local role billing_reader');
    await client.query(sql);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  } finally {
    await client.query('rollback');
    client.release();
  }
}

/** The messages of our functions' log lines. */
const told = [
  ...Object.values(logLines),
  ...globSync('lambdas/*/handler.ts', { cwd: root }).flatMap((file) =>
    [...readFileSync(join(root, file), 'utf8').matchAll(/logger\.\w+\('([^']+)'/g)].map(([, text]) => text!),
  ),
];

/** A query of Logs Insights: it looks for what our functions write. */
function logQueryProblem(query: string): string | undefined {
  const [, service] = /service = 'stripe-([^']+)'/.exec(query) ?? [];
  const [, message] = /message = '([^']+)'/.exec(query) ?? [];
  if (service !== undefined && !functionNames.some((name) => name === service)) return `no function is ${service}`;
  if (message !== undefined && !told.includes(message)) return `no function writes "${message}"`;
  return undefined;
}

/** An option by itself: of one of the verbs, or of a call of the AWS CLI on that page. */
function optionProblem(text: string, page: string): string | undefined {
  const option = text.split(/\s/)[0]!;
  const program = describeProgram({ out: () => {}, err: () => {} }, async () => {});
  if (everyCommand(program).some(({ options }) => options.some(({ long }) => long === option))) return undefined;
  const calls = runbookLines().flatMap((line) => (line.page === page ? awsCallsIn(line.text) : []));
  const known = calls.some(({ service, operation }) => membersOf(service, operation)?.includes(plain(option)));
  return known ? undefined : `neither a verb nor a call on this page takes ${option}`;
}

/** What is wrong with a line, or undefined. */
async function problemOf({ text, page, recipe }: RunbookLine): Promise<string | undefined> {
  if (/(^|[({\s])aws [a-z0-9]+ /.test(text)) return awsProblem(text);
  // Run as a whole by the emulator's test; only the names of AWS are looked at here.
  if (recipe || text in quoted) return undefined;
  const verb = /^(?:npm run )?ops (?:-- )?(.+)$/.exec(text)?.[1] ?? (/^(resume|pause) /.test(text) ? text : undefined);
  if (verb !== undefined) return verbProblem(verb);
  if (/^(npx )?cdk /.test(text)) return cdkProblem(text);
  if (/^select /.test(text)) return sqlProblem(text);
  if (/^(filter|fields|stats) /.test(text)) return logQueryProblem(text);
  if (text.startsWith('--')) return optionProblem(text, page);
  const script = /^npm (?:run )?([\w:]+)$/.exec(text)?.[1];
  if (script !== undefined) return script === 'ci' || script in scripts ? undefined : `package.json has no ${script}`;
  if (/^git (revert|checkout) ?/.test(text)) return undefined;
  if (settingNames.some((name) => text.startsWith(`${name}: `))) return undefined;
  if (told.includes(text)) return undefined;
  return 'nobody knows what this is: neither a command of a program known here, nor a text that is named here as quoted';
}

it('every line of every runbook is a command that exists', async () => {
  const lines = runbookLines();
  expect(lines.length).toBeGreaterThan(200);
  const problems: string[] = [];
  for (const line of lines) {
    const problem = await problemOf(line);
    if (problem !== undefined) problems.push(`docs/runbooks/${line.where}: ${line.text}\n  ${problem}`);
  }
  expect(problems).toEqual([]);
}, 120_000);

it.each([
  ['npm run ops -- staus --env prod', /unknown command/],
  ['npx cdk repair -c environment=prod', /has no repair/],
  ['npx cdk deploy -c environment=prod --undo-drift', /takes no --undo-drift/],
  ['npx cdk deploy -c enviroment=prod', /enviroment is no setting/],
  ['aws sqs get-queue-depth --queue-url x', /has no get-queue-depth/],
  ['q=$(aws sqs get-queue-url --name "$(aws sts get-caller-identity --query x)")', /takes no --name/],
  ['select plan from billing.plan_states', /column "plan" does not exist/],
  ['select * from auth.users', /permission denied/],
  ["filter message = 'row drifting'", /no function writes/],
  ['--at-twice 1', /takes --at-twice/],
  ['npm run chekc', /has no chekc/],
  ['kubectl get pods', /nobody knows what this is/],
])('finds what is wrong with %s', async (text, problem) => {
  expect(await problemOf({ where: 'x.md:1', page: 'x.md', text, recipe: false })).toMatch(problem);
});

it('each line against a change by hand is typed after the damage that it is for, and its page says where that was tried', () => {
  const typed = incidentsOf({}).flatMap(({ page, cure }) => cure.map((line) => `${page}: ${line}`));
  const lines = commandLines().filter(({ text, page }) => undoesDamage(text) && page !== 'restore-prod.md');
  expect(lines.map(({ page, text }) => `${page}: ${text}`).filter((line) => !typed.includes(line))).toEqual([]);
  const silent = [...new Set(lines.map(({ page }) => page))].filter(
    (page) =>
      !/^\*Tried by `npm run test:deploy`, in an emulator/m.test(readFileSync(join(runbooksFolder, page), 'utf8')),
  );
  expect(silent).toEqual([]);
});

it('shell blocks stand under a recipe, which the emulator’s test runs', () => {
  const loose = runbookLines().filter(({ text, recipe }) => !recipe && /^\w+=\$\(|^cat >/.test(text));
  expect(loose.map(({ where }) => where)).toEqual([]);
});

it('each command line of a page is run by the emulator’s test, or it is said why not', () => {
  const outputs = { AuditBucketName: 'bucket', StripeEventSourceName: 'aws.partner/stripe.com/ed_1' };
  // Throws for a placeholder that nobody fills there.
  for (const { text } of commandsOfPages()) filled(text, outputs);
  const lines = commandLines().map(({ text }) => text);
  const stale = notRunHere.filter(([begins]) => !lines.some((text) => text.startsWith(begins)));
  expect(stale).toEqual([]);
});
