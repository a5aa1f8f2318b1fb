import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { readSettings, SettingsError } from '../../lib/settings.ts';
import { certificates } from './certificates.ts';
import { eventSource, root } from './synthesis.ts';

const temporary = mkdtempSync(join(tmpdir(), 'settings-'));
afterAll(() => rmSync(temporary, { recursive: true }));

const read = (context: Record<string, unknown>, configFolder?: string) =>
  readSettings(new App({ context: { stripeEventSourceName: eventSource, ...context } }).node, configFolder);

function problemsOf(context: Record<string, unknown>, configFolder?: string): readonly string[] {
  try {
    read(context, configFolder);
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
  return [];
}

describe('without anything but the event source', () => {
  it('everything else has a safe default', () => {
    const { catalogue, ...settings } = read({});
    expect(settings).toEqual({
      stripeEventSourceName: eventSource,
      environment: 'dev',
      appName: 'huntaze',
      adoptEventBus: false,
      createKmsKey: false,
    });
    expect(catalogue.plans.map(({ id }) => id)).toEqual(['premium', 'premium_plus']);
  });
});

describe('with everything', () => {
  it('each setting is taken as given', () => {
    expect(
      read({
        environment: 'prod',
        appName: 'my-shop',
        adoptEventBus: 'true',
        createKmsKey: 'true',
        alarmEmail: 'oncall@example.com',
        apiUrl: 'https://api.example.com/plans',
        runbookBaseUrl: 'https://github.com/acme/shop/blob/main/docs/runbooks/',
        databaseCaFile: certificate('valid'),
      }),
    ).toMatchObject({
      environment: 'prod',
      appName: 'my-shop',
      adoptEventBus: true,
      createKmsKey: true,
      alarmEmail: 'oncall@example.com',
      apiUrl: 'https://api.example.com/plans',
      runbookBaseUrl: 'https://github.com/acme/shop/blob/main/docs/runbooks',
      databaseCa: expect.stringMatching(/^-----BEGIN CERTIFICATE-----\n[\s\S]+-----END CERTIFICATE-----\n$/),
    });
  });
});

describe('a flag', () => {
  it.each([
    ['true', true],
    [true, true],
    ['false', false],
    [false, false],
    ['', false],
  ])('given as %j is %j, since -c makes text of it', (given, meant) => {
    expect(read({ createKmsKey: given, adoptEventBus: given })).toMatchObject({
      createKmsKey: meant,
      adoptEventBus: meant,
    });
  });
});

describe('a wrong setting stops the synth and says what it is, what was given and how to mend it', () => {
  it.each<[context: Record<string, unknown>, message: string]>([
    [
      { stripeEventSourceName: undefined },
      'stripeEventSourceName is missing: pass -c stripeEventSourceName=aws.partner/stripe.com/ed_…, the name that `npm run ops -- destination show` and the EventBridge console print.',
    ],
    [
      { stripeEventSourceName: 'ed_test_61abc' },
      'stripeEventSourceName is "ed_test_61abc": this is the destination\'s id; pass "aws.partner/stripe.com/ed_test_61abc".',
    ],
    [
      { stripeEventSourceName: 'arn:aws:events:eu-west-1::event-source/aws.partner/stripe.com/ed_1' },
      'stripeEventSourceName is "arn:aws:events:eu-west-1::event-source/aws.partner/stripe.com/ed_1": this looks like an ARN; pass only its last part, "aws.partner/stripe.com/ed_1".',
    ],
    [
      { stripeEventSourceName: 'aws.partner/shopify.com/1' },
      'stripeEventSourceName is "aws.partner/shopify.com/1": pass aws.partner/stripe.com/ed_…, the name that `npm run ops -- destination show` and the EventBridge console print.',
    ],
    [{ environment: 'production' }, 'environment is "production": choose one of dev, staging, prod.'],
    [
      { appName: 'My_Shop' },
      'appName is "My_Shop": use lower-case letters, digits and single dashes, beginning with a letter: it becomes part of every name.',
    ],
    [
      { environment: 'prod', appName: 'a'.repeat(37) },
      `appName is "${'a'.repeat(37)}", 37 characters: use at most 36: EventBridge allows 48 for the archive's name, "${'a'.repeat(37)}-stripe-prod".`,
    ],
    [{ createKmsKey: 'yes' }, 'createKmsKey is "yes": pass true or false.'],
    [{ adoptEventBus: 1 }, 'adoptEventBus is 1: pass true or false.'],
    [
      { alarmEmail: 'oncall' },
      'alarmEmail is "oncall": pass one address, such as oncall@example.com, or leave it out.',
    ],
    [
      { apiUrl: 'http://api.example.com' },
      'apiUrl is "http://api.example.com": pass a whole URL that begins with https://, or leave it out.',
    ],
    [
      { apiUrl: 'api.example.com' },
      'apiUrl is "api.example.com": pass a whole URL that begins with https://, or leave it out.',
    ],
    [
      { apiUrl: 'https://me:hunter2@api.example.com' },
      'apiUrl carries a user name or password: leave it out of the URL: the template would show it.',
    ],
    [
      { apiUrl: 'https://localhost:3000' },
      'apiUrl is "https://localhost:3000": pass an address that EventBridge can reach from the internet.',
    ],
    [
      { runbookBaseUrl: 'github.com/acme' },
      'runbookBaseUrl is "github.com/acme": pass a whole URL that begins with https://, or leave it out.',
    ],
    [{ alarmEmail: ['a@b.co'] }, 'alarmEmail is ["a@b.co"]: pass text.'],
    [{ createKMSKeys: 'true' }, 'createKMSKeys is not a setting: did you mean createKmsKey.'],
    [{ stripeEventSource: 'x' }, 'stripeEventSource is not a setting: did you mean stripeEventSourceName.'],
    [{ env: 'prod' }, 'env is not a setting: did you mean environment.'],
  ])('%j', (context, message) => {
    expect(problemsOf(context)).toEqual([message]);
  });

  it('tells all problems at once', () => {
    expect(() =>
      read(
        { stripeEventSourceName: '', environment: 'live', apiUrl: 'http://x', createKmsKey: 'maybe' },
        brokenConfig({ 'plans.yaml': 'plans: []' }),
      ),
    ).toThrow(
      /^5 settings are not usable, so nothing was synthesised:\n {2}- environment .*\n {2}- stripeEventSourceName .*\n {2}- createKmsKey .*\n {2}- apiUrl .*\n {2}- config\/plans\.yaml, .*$/,
    );
  });

  it('never prints a password', () => {
    expect(problemsOf({ apiUrl: 'https://me:hunter2@api.example.com' }).join()).not.toContain('hunter2');
  });

  it('leaves the context of others alone', () => {
    expect(problemsOf({ 'acme:environment': 'x', '@aws-cdk/core:something': true, team: 'payments' })).toEqual([]);
  });
});

describe('databaseCaFile', () => {
  const mend =
    'download the authority\'s certificate (Supabase: Database settings, "SSL certificate") and pass the file\'s path.';

  it('that is missing is named', () => {
    expect(problemsOf({ databaseCaFile: '/nowhere/ca.crt' })).toEqual([
      `databaseCaFile "/nowhere/ca.crt" cannot be read (ENOENT): ${mend}`,
    ]);
  });

  it('that holds something else is named', () => {
    const file = join(temporary, 'not-a-certificate.txt');
    writeFileSync(file, 'hello');
    expect(problemsOf({ databaseCaFile: file })).toEqual([
      `databaseCaFile "${file}" holds no PEM certificate: ${mend}`,
    ]);
  });

  it('that is damaged is named', () => {
    const file = join(temporary, 'damaged.crt');
    writeFileSync(file, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
    expect(problemsOf({ databaseCaFile: file })).toEqual([
      `databaseCaFile "${file}" holds a certificate that cannot be read as X.509: ${mend}`,
    ]);
  });

  it('that has expired is named with the day and whose it is', () => {
    const file = certificate('expired');
    expect(problemsOf({ databaseCaFile: file })).toEqual([
      `databaseCaFile "${file}" holds a certificate that expired on 2020-01-02 (CN=Test CA): ${mend}`,
    ]);
  });
});

describe('config/', () => {
  it.each<[name: string, file: string, text: string, problem: string | RegExp]>([
    [
      'a plan without prices',
      'plans.yaml',
      'plans: [{ id: gold, tier: PREMIUM, grace_days: 7, prices: [] }]',
      /^config\/plans\.yaml, plans\[0\] \(gold\)\.prices: got \[\], wanted at least 1 entry\.$/,
    ],
    [
      'a tier that does not exist',
      'plans.yaml',
      'plans: [{ id: gold, tier: GOLD, grace_days: 7, prices: [{ id: price_1, currency: eur, amount_minor: 1, interval: month }] }]',
      /^config\/plans\.yaml, plans\[0\] \(gold\)\.tier: .*PREMIUM_PLUS/,
    ],
    [
      'a line that is not YAML',
      'plans.yaml',
      'plans: [\n',
      /^config\/plans\.yaml is not YAML: .* line \d+.*; correct that line\.$/,
    ],
    ['an empty catalogue file', 'plans.yaml', '', /^config\/plans\.yaml, the document: got null/],
    [
      'a registry that is a list',
      'plan-events.yaml',
      '- a\n- b\n',
      /^config\/plan-events\.yaml, the document: .*JSON Schema/,
    ],
    [
      'a type that JSON Schema does not know',
      'plan-events.yaml',
      'type: object\nproperties: { event_type: { type: word } }',
      /^config\/plan-events\.yaml, properties\.event_type\.type: /,
    ],
    [
      'a misspelt keyword',
      'plan-events.yaml',
      'type: object\nproperites: {}',
      /^config\/plan-events\.yaml, the document: .*unknown keyword: "properites"/,
    ],
    [
      'a registry without names of events',
      'plan-events.yaml',
      'type: object\nproperties: { event_type: { type: string } }',
      /^config\/plan-events\.yaml, properties\.\w+: the apps rely on it/,
    ],
  ])('with %s is refused with file, entry and fix', (_, file, text, problem) => {
    const problems = problemsOf({}, brokenConfig({ [file]: text }));
    expect(problems).not.toEqual([]);
    expect(problems[0]).toMatch(problem);
    expect(problems.filter((line) => !line.startsWith(`config/${file}`))).toEqual([]);
  });

  it('without a file is refused', () => {
    expect(problemsOf({}, join(temporary, 'empty'))).toEqual([
      'config/plans.yaml cannot be read (ENOENT): restore it from the repository.',
      'config/plan-events.yaml cannot be read (ENOENT): restore it from the repository.',
    ]);
  });
});

/** The repository's config/ with some files replaced. */
function brokenConfig(files: Record<string, string>): string {
  const folder = mkdtempSync(join(temporary, 'config-'));
  cpSync(join(root, 'config'), folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

function certificate(name: keyof typeof certificates): string {
  const file = join(temporary, `${name}.crt`);
  writeFileSync(file, certificates[name]);
  return file;
}
