import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { LONGEST_START_MS, type LocalRun, startLocalRun } from '../pipeline/local-run.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';

/**
 * docs/app.md, "Try it on your laptop", to the letter: in an empty folder, against `npm start`. Its listing is what this run printed:
 * `WRITE_DOCS=1 npx jest test/examples/app` writes it.
 */

const root = join(import.meta.dirname, '../..');
const page = join(root, 'docs/app.md');
const jenny = '4f1c2b7e-0000-4000-8000-000000000001';

/** A marked block of the page, without its fences. */
const block = (name: string): string =>
  new RegExp(`<!-- run: ${name} -->\n\`\`\`\\w+\n([\\s\\S]*?)\`\`\`\n<!-- end -->`).exec(
    readFileSync(page, 'utf8'),
  )![1]!;

let folder: string;
let database: TestDatabase;
let app: ChildProcess;
let appUrl: string;
let run: LocalRun;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'my-app-'));
  database = await freshDatabase();
  const [copy, install, start] = block('install').trim().split('\n');
  // What npm would fetch lies here already; a test asks no registry.
  const offline = install!.replace(/ pg$/, ` ${root}/node_modules/pg --offline --no-audit --no-fund`);
  await bash([copy!, offline].join('\n').replaceAll('../stripe-eventbridge', root));
  app = spawn('bash', ['-c', `exec ${start!.replace(/^DATABASE_URL=\S+/, 'env')}`], {
    cwd: folder,
    env: { PATH: process.env.PATH, DATABASE_URL: database.adminUrl, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  process.once('exit', () => app.kill());
  const [said] = (await once(app.stdout!, 'data')) as [Buffer];
  appUrl = /http:\S+/.exec(String(said))![0];
  run = await startLocalRun(['--no-demo', '--port', '0', '--forward', `${appUrl}/api/plans`], {
    DATABASE_URL: database.adminUrl,
  });
}, LONGEST_START_MS + 60_000);
afterAll(async () => {
  await run?.stop();
  app?.kill();
  await database?.close();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

async function bash(script: string): Promise<string> {
  const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', script], {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: folder },
  });
  return stdout;
}

/** Days of the week are those of the day on which it was run. */
const sameOnEveryDay = (text: string) =>
  text.replace(/\b(Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b/g, 'Friday').replace(/evt_\w+/g, 'evt_…');

it('prints what the page lists', async () => {
  const listed = block('listing');
  const commands = [...listed.matchAll(/^\$ (.*)$/gm)].map(([, command]) => command!);
  // One shell, as at a terminal: each command, then what it printed.
  const script = commands.map((command) => `printf '%s\\n' ${quoted(`$ ${command}`)}\n${onThisMachine(command)}`);
  const printed = (await bash(script.join('\n'))).replace(/([^\n])\$ /g, '$1\n$ ');
  if (process.env.WRITE_DOCS)
    writeFileSync(
      page,
      readFileSync(page, 'utf8').replace(listed, () => sameOnEveryDay(`${printed.trimEnd()}\n`)),
    );
  else expect(sameOnEveryDay(`${printed.trimEnd()}\n`)).toBe(listed);
}, 120_000);

it('let the app hear of the plan, under its own key', async () => {
  const heard = async () =>
    (await database.admin.query('select version, plan from public.heard_plans where user_id = $1', [jenny])).rows[0];
  for (let look = 0; look < 100 && !(await heard()); look += 1) await sleep(100);
  const { rows } = await database.admin.query('select version, state from billing.user_plans where user_id = $1', [
    jenny,
  ]);
  expect(await heard()).toEqual({ version: rows[0].version, plan: rows[0].state });
  expect(rows[0].state).toMatchObject({ tier: 'PREMIUM_PLUS', quantity: 12, status: 'trialing' });
});

it.each([
  ['a wrong key', { 'x-api-key': 'guessed' }, '{}', 401],
  ['no key', {}, '{}', 401],
  ['no plan event', { 'x-api-key': 'local-api-key' }, '{"user_id":"u"}', 400],
])('refuses %s', async (_what, headers, body, status) => {
  const answer = await fetch(`${appUrl}/api/plans`, {
    method: 'POST',
    headers: headers as Record<string, string>,
    body,
  });
  expect(answer.status).toBe(status);
});

it('keeps the newest of two messages, whatever their order', async () => {
  const plan = (tier: string) => ({ tier, status: 'active', entitled: true });
  for (const [version, tier] of [
    [2, 'PREMIUM'],
    [1, 'FREE'],
    [2, 'PREMIUM'],
  ] as const) {
    const body = JSON.stringify({ user_id: 'twice', version, plan: plan(tier), metadata: { version: 'v2' } });
    await fetch(`${appUrl}/api/plans`, { method: 'POST', headers: { 'x-api-key': 'local-api-key' }, body });
  }
  const { rows } = await database.admin.query(
    `select version::int, plan from public.heard_plans where user_id = 'twice'`,
  );
  expect(rows).toEqual([{ version: 2, plan: plan('PREMIUM') }]);
});

it('lets nobody in without a token of its own', async () => {
  const [head, , signature] = (await (await fetch(`${appUrl}/sign-in?user=${jenny}`)).text()).split('.');
  const forged = `${head}.${Buffer.from(JSON.stringify({ sub: jenny, role: 'postgres' })).toString('base64url')}.${signature}`;
  for (const token of ['', 'x', forged])
    expect((await fetch(`${appUrl}/premium`, { headers: { authorization: `Bearer ${token}` } })).status).toBe(401);
});

const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
const onThisMachine = (command: string) =>
  command
    .replaceAll('localhost:3000', appUrl.replace('http://', ''))
    .replaceAll('127.0.0.1:4000', run.url.replace('http://', ''));
