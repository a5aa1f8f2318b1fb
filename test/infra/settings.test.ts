import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { environments } from '../../lib/names.ts';
import { keptSettings, readSettings, SettingsError, type SettingsPlaces } from '../../lib/settings.ts';
import { certificates } from './certificates.ts';
import { environmentsFolder, eventSource, root } from './synthesis.ts';

const temporary = mkdtempSync(join(tmpdir(), 'settings-'));
afterAll(() => rmSync(temporary, { recursive: true }));

const read = (context: Record<string, unknown>, places: SettingsPlaces = {}) =>
  readSettings({ stripeEventSourceName: eventSource, ...context }, { environments: environmentsFolder, ...places });

function problemsOf(context: Record<string, unknown>, places?: SettingsPlaces): readonly string[] {
  try {
    read(context, places);
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
  return [];
}

describe('without anything but the event source', () => {
  it('everything else has a safe default', () => {
    const { catalogue, overrides: _, ...settings } = read({});
    expect(settings).toEqual({
      stripeEventSourceName: eventSource,
      environment: 'dev',
      appName: 'huntaze',
      adoptEventBus: false,
      createKmsKey: false,
      reconcileHeals: true,
      logLevel: 'INFO',
      logRetentionDays: 120,
      archiveRetentionDays: 365,
      auditRetentionDays: 365,
      auditDrainSeconds: 60,
      tracing: 'off',
      verifyEvents: false,
    });
    expect(catalogue.plans.map(({ id }) => id)).toEqual(['premium', 'premium_plus']);
  });
});

describe('with everything', () => {
  it('each setting is taken as given', () => {
    expect(
      read({
        environment: 'staging',
        appName: 'my-shop',
        adoptEventBus: 'true',
        createKmsKey: 'true',
        alarmEmail: 'oncall@example.com',
        apiUrl: 'https://api.example.com/plans',
        runbookBaseUrl: 'https://github.com/acme/shop/blob/main/docs/runbooks/',
        databaseCaFile: certificate('valid'),
        logLevel: 'DEBUG',
        logRetentionDays: '30',
        archiveRetentionDays: '90',
        auditRetentionDays: 400,
        tracing: 'sampled',
        vpc: { subnetIds: ['subnet-0a1b2c3d'], securityGroupIds: ['sg-0a1b2c3d4e5f60718'] },
      }),
    ).toMatchObject({
      environment: 'staging',
      appName: 'my-shop',
      adoptEventBus: true,
      createKmsKey: true,
      alarmEmail: 'oncall@example.com',
      apiUrl: 'https://api.example.com/plans',
      runbookBaseUrl: 'https://github.com/acme/shop/blob/main/docs/runbooks',
      logLevel: 'DEBUG',
      logRetentionDays: 30,
      archiveRetentionDays: 90,
      auditRetentionDays: 400,
      tracing: 'sampled',
      vpc: { subnetIds: ['subnet-0a1b2c3d'], securityGroupIds: ['sg-0a1b2c3d4e5f60718'] },
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

describe('a wrong setting stops the synth and says what it is, what was given and how to repair it', () => {
  it.each<[context: Record<string, unknown>, message: string]>([
    [
      { stripeEventSourceName: undefined },
      'stripeEventSourceName is missing in config/environments/dev.yaml: give aws.partner/stripe.com/ed_…, the name that `npm run ops -- destination create` and the EventBridge console print.',
    ],
    [
      { stripeEventSourceName: 'ed_test_61abc' },
      'stripeEventSourceName is "ed_test_61abc": this is the destination\'s id; give "aws.partner/stripe.com/ed_test_61abc".',
    ],
    [
      { stripeEventSourceName: 'arn:aws:events:eu-west-1::event-source/aws.partner/stripe.com/ed_1' },
      'stripeEventSourceName is "arn:aws:events:eu-west-1::event-source/aws.partner/stripe.com/ed_1": this looks like an ARN; give only its last part, "aws.partner/stripe.com/ed_1".',
    ],
    [
      { stripeEventSourceName: 'aws.partner/shopify.com/1' },
      'stripeEventSourceName is "aws.partner/shopify.com/1": give aws.partner/stripe.com/ed_…, the name that `npm run ops -- destination create` and the EventBridge console print.',
    ],
    [{ environment: 'production' }, 'environment is "production": choose one of dev, staging, prod.'],
    [
      { appName: 'My_Shop' },
      'appName is "My_Shop": use lower-case letters, digits and single dashes, beginning with a letter: it becomes part of every name.',
    ],
    [
      { environment: 'staging', appName: 'a'.repeat(34) },
      `appName is "${'a'.repeat(34)}", 34 characters: use at most 33: EventBridge allows 48 for the archive's name, "${'a'.repeat(34)}-stripe-staging".`,
    ],
    [{ createKmsKey: 'yes' }, 'createKmsKey is "yes": give true or false.'],
    [{ adoptEventBus: 1 }, 'adoptEventBus is 1: give true or false.'],
    [
      { alarmEmail: 'oncall' },
      'alarmEmail is "oncall": give one address, such as oncall@example.com, or leave it out.',
    ],
    [
      { apiUrl: 'http://api.example.com' },
      'apiUrl is "http://api.example.com": give a whole URL that begins with https://, or leave it out.',
    ],
    [
      { apiUrl: 'api.example.com' },
      'apiUrl is "api.example.com": give a whole URL that begins with https://, or leave it out.',
    ],
    [
      { apiUrl: 'https://me:hunter2@api.example.com' },
      'apiUrl carries a user name or password: leave it out of the URL: the template would show it.',
    ],
    [
      { apiUrl: 'https://localhost:3000' },
      'apiUrl is "https://localhost:3000": give an address that EventBridge can reach from the internet.',
    ],
    [
      { runbookBaseUrl: 'github.com/acme' },
      'runbookBaseUrl is "github.com/acme": give a whole URL that begins with https://, or leave it out.',
    ],
    [{ alarmEmail: ['a@b.co'] }, 'alarmEmail is ["a@b.co"]: give text.'],
    [{ logLevel: 'debug' }, 'logLevel is "debug": give one of DEBUG, INFO, WARN, ERROR.'],
    [{ archiveRetentionDays: '0' }, 'archiveRetentionDays is "0": give a whole number of days, 1 to 36500.'],
    [{ tracing: 'on' }, 'tracing is "on": give one of off, sampled.'],
    [
      { vpc: { subnetIds: ['subnet-0a1b2c3d'] } },
      'vpc is {"subnetIds":["subnet-0a1b2c3d"]}: give in the settings file "subnetIds: [subnet-…, subnet-…]" and "securityGroupIds: [sg-…]", or leave it out.',
    ],
    [{ createKMSKeys: 'true' }, 'createKMSKeys is not a setting: did you mean createKmsKey.'],
    [{ stripeEventSource: 'x' }, 'stripeEventSource is not a setting: did you mean stripeEventSourceName.'],
    [{ env: 'prod' }, 'env is not a setting: did you mean environment.'],
  ])('%j', (context, message) => {
    expect(problemsOf(context)).toEqual([message]);
  });

  it('names all problems at once', () => {
    expect(() =>
      read(
        { stripeEventSourceName: '', environment: 'live', apiUrl: 'http://x', createKmsKey: 'maybe' },
        { config: brokenConfig({ 'plans.yaml': 'plans: []' }) },
      ),
    ).toThrow(
      /^5 settings are not usable, so nothing was synthesised:\n {2}- environment .*\n {2}- createKmsKey .*\n {2}- apiUrl .*\n {2}- stripeEventSourceName .*\n {2}- config\/plans\.yaml, .*$/,
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
  const repair =
    'download the authority\'s certificate (Supabase: Database settings, "SSL certificate") and give the file\'s path.';

  it('that is missing is named', () => {
    expect(problemsOf({ databaseCaFile: '/nowhere/ca.crt' })).toEqual([
      `databaseCaFile "/nowhere/ca.crt" cannot be read (ENOENT): ${repair}`,
    ]);
  });

  it('that holds something else is named', () => {
    const file = join(temporary, 'not-a-certificate.txt');
    writeFileSync(file, 'hello');
    expect(problemsOf({ databaseCaFile: file })).toEqual([
      `databaseCaFile "${file}" holds no PEM certificate: ${repair}`,
    ]);
  });

  it('that is damaged is named', () => {
    const file = join(temporary, 'damaged.crt');
    writeFileSync(file, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
    expect(problemsOf({ databaseCaFile: file })).toEqual([
      `databaseCaFile "${file}" holds a certificate that cannot be read as X.509: ${repair}`,
    ]);
  });

  it('that has expired is named with the day and whose it is', () => {
    const file = certificate('expired');
    expect(problemsOf({ databaseCaFile: file })).toEqual([
      `databaseCaFile "${file}" holds a certificate that expired on 2020-01-02 (CN=Test CA): ${repair}`,
    ]);
  });
});

describe('the settings file of an environment', () => {
  const files = (contents: Record<string, string>): SettingsPlaces => {
    const environments = mkdtempSync(join(temporary, 'environments-'));
    for (const [name, text] of Object.entries(contents)) writeFileSync(join(environments, name), text);
    return { environments };
  };
  const named = `stripeEventSourceName: ${eventSource}\n`;
  const unnamed = { stripeEventSourceName: undefined };

  it('says everything, so that -c environment=prod is a complete command', () => {
    const places = files({
      'prod.yaml': `${named}createKmsKey: true\nalarmEmail: oncall@example.com\nlogRetentionDays: 30\n`,
    });
    expect(read({ ...unnamed, environment: 'prod' }, places)).toMatchObject({
      environment: 'prod',
      stripeEventSourceName: eventSource,
      createKmsKey: true,
      alarmEmail: 'oncall@example.com',
      logRetentionDays: 30,
      overrides: [],
    });
  });

  it('is of one environment only', () => {
    const places = files({ 'prod.yaml': named, 'dev.yaml': `${named}createKmsKey: true\n` });
    expect(read({ ...unnamed, environment: 'prod' }, places).createKmsKey).toBe(false);
  });

  it('is needed for prod, with the name of the event source in it or beside it', () => {
    const missing = /^config\/environments\/prod\.yaml is missing: production is deployed from a committed file only\./;
    expect(problemsOf({ environment: 'prod' }, files({}))).toEqual([expect.stringMatching(missing)]);
    expect(problemsOf({ ...unnamed, environment: 'prod' }, files({ 'prod.yaml': '# nothing yet\n' }))).toEqual([
      expect.stringMatching(/^stripeEventSourceName is missing in config\/environments\/prod\.yaml: give aws\.partner/),
    ]);
  });

  it('is overridden by -c, which is said, with what the next deployment makes of it', () => {
    const places = files({ 'prod.yaml': `${named}createKmsKey: true\n` });
    expect(read({ environment: 'prod', createKmsKey: 'false', logLevel: 'DEBUG' }, places)).toMatchObject({
      createKmsKey: false,
      overrides: [
        '-c createKmsKey=false overrides "createKmsKey: true" of config/environments/prod.yaml: the next deployment without it takes it back.',
        '-c logLevel=DEBUG is in no file: the next deployment without it takes it back. To keep it, write "logLevel: DEBUG" into config/environments/prod.yaml.',
      ],
    });
  });

  it('of another app in the same environment is another file', () => {
    const next = eventSource.replace('ed_61abc', 'ed_next');
    const places = files({
      'prod.yaml': `${named}createKmsKey: true\n`,
      'prod.huntaze2.yaml': `appName: huntaze2\nstripeEventSourceName: ${next}\n`,
    });
    expect(read({ ...unnamed, environment: 'prod', appName: 'huntaze2' }, places)).toMatchObject({
      appName: 'huntaze2',
      stripeEventSourceName: next,
      createKmsKey: false,
      overrides: [],
    });
    expect(problemsOf({ environment: 'prod', appName: 'huntaze3' }, places)).toEqual([
      expect.stringMatching(/^config\/environments\/prod\.huntaze3\.yaml is missing/),
    ]);
  });

  it.each<[name: string, text: string, problem: string]>([
    ['a misspelt setting', 'createKMSKey: true', 'createKMSKey is not a setting: did you mean createKmsKey.'],
    ['the environment', 'environment: prod', "environment is not a setting: leave it out: the file's name says it."],
    ['a wrong value', 'tracing: always', 'tracing is "always": give one of off, sampled.'],
  ])('with %s is refused by file and fix', (_, text, problem) => {
    expect(problemsOf({ environment: 'staging' }, files({ 'staging.yaml': text }))).toEqual([
      `config/environments/staging.yaml: ${problem}`,
    ]);
  });

  it('changes a threshold of the alarms by its name, and is refused with one that there is not', () => {
    const places = files({
      'dev.yaml': 'thresholds:\n  silenceHours: 6\n',
      'staging.yaml': 'thresholds:\n  silenceDays: 1\n',
    });
    expect(read({}, places).thresholds).toEqual({ silenceHours: 6 });
    expect(problemsOf({ environment: 'staging' }, places)).toEqual([
      expect.stringMatching(
        /^config\/environments\/staging\.yaml: thresholds\.silenceDays is not a threshold: choose from silenceHours, /,
      ),
    ]);
  });

  it('that is a list, or no YAML, is refused', () => {
    expect(problemsOf({}, files({ 'dev.yaml': '- a\n' }))).toEqual([
      'config/environments/dev.yaml holds ["a"]: write one "setting: value" a line.',
    ]);
    expect(problemsOf({}, files({ 'dev.yaml': 'a: [\n' }))[0]).toMatch(/^config\/environments\/dev\.yaml is not YAML/);
  });

  it.each(environments)('of %s in this repository is sound but for the name that Stripe gives', (environment) => {
    expect(
      problemsOf({ ...unnamed, environment }, { environments: join(root, 'config/environments') }).filter(
        (problem) => !problem.startsWith('stripeEventSourceName is missing'),
      ),
    ).toEqual([]);
  });

  it('is kept as an output of the stack, without what is long or no setting', () => {
    const kept = keptSettings(read({ databaseCaFile: certificate('valid') }));
    expect(kept).toMatchObject({ environment: 'dev', createKmsKey: false, archiveRetentionDays: 365 });
    expect(kept.databaseCaSha256).toMatch(/^[0-9a-f]{64}$/);
    for (const name of ['catalogue', 'databaseCa', 'overrides']) expect(kept).not.toHaveProperty(name);
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
    const problems = problemsOf({}, { config: brokenConfig({ [file]: text }) });
    expect(problems).not.toEqual([]);
    expect(problems[0]).toMatch(problem);
    expect(problems.filter((line) => !line.startsWith(`config/${file}`))).toEqual([]);
  });

  it('without a file is refused', () => {
    expect(problemsOf({}, { config: join(temporary, 'empty') })).toEqual([
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
