import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Catalogue } from '../core/plans/catalogue.ts';
import { checkPlanEvents, configFolder, readPlans } from './config-files.ts';
import { defaultAppName, type EnvironmentFile, environmentFile } from './environment-file.ts';
import { type SourceSettings, sourceProblems } from './event-sources.ts';
import { type Environment, environments } from './names.ts';
import { nearestOf } from './near-miss.ts';
import * as values from './setting-values.ts';
import { type Thresholds, thresholdProblems } from './watch/thresholds.ts';

/** What a deployment can choose, parsed and checked once. */
export interface Settings extends SourceSettings {
  /** @default dev, so that nothing becomes production by forgetting a parameter */
  readonly environment: Environment;
  /** @default huntaze */
  readonly appName: string;
  /**
   * The bus exists already, because another stack or a person made it: use it, never create or delete it.
   * @default false: the stack creates the bus, which ties Stripe's event source to this account
   */
  readonly adoptEventBus: boolean;
  /** Encrypt with a key of this stack. @default false: with the keys that AWS manages */
  readonly createKmsKey: boolean;
  /** Who is notified of alarms. @default nobody is subscribed; the topic exists and others may subscribe */
  readonly alarmEmail?: string;
  /** Where plan events are posted to. @default nowhere; they are on the app bus in any case */
  readonly apiUrl?: string;
  /** What a runbook's link begins with, without the closing slash. @default no link: an alarm's text then holds the page's first steps */
  readonly runbookBaseUrl?: string;
  /** Alarm thresholds other than the environment's usual ones (`lib/watch/thresholds.ts`). @default the usual ones */
  readonly thresholds?: Partial<Thresholds>;
  /** What the comparison with Stripe finds is corrected by itself. @default true; false: it only reports, and its alarms ring */
  readonly reconcileHeals: boolean;
  /** PEM of the authorities that Postgres may show. @default Node's own list */
  readonly databaseCa?: string;
  /** The least that functions log. @default INFO: one line a message */
  readonly logLevel: (typeof logLevels)[number];
  /** @default 120: as long as a question about a charge usually takes to arrive (disputes: up to 120 days after it) */
  readonly logRetentionDays: number;
  /** How long the archive can be replayed. @default 365: a year's bug can be repaired; it holds whole payloads, hence personal data */
  readonly archiveRetentionDays: number;
  /** How long the audit trail is kept; in prod nobody can delete it before. @default 365 */
  readonly auditRetentionDays: number;
  /**
   * How long an event waits in the audit queue at most, so that one object holds many; ten at once wait for nobody.
   * @default 60: what S3 asks for each object is then no part of the bill, and the trail is read days later. 0: each batch as it comes
   */
  readonly auditDrainSeconds: number;
  /** X-Ray traces. @default off: at low rates they are the greatest part of the bill */
  readonly tracing: (typeof tracings)[number];
  /**
   * Ask Stripe for each event that could move a plan, by its id, before it is applied: the bus carries no signature (docs/security.md).
   * @default false: a request to Stripe for each, and plans that wait while Stripe does not answer
   */
  readonly verifyEvents: boolean;
  /** Where the functions that need the database run. @default no VPC: the database has a public address */
  readonly vpc?: values.VpcPlace;
  /** `config/plans.yaml`, checked. */
  readonly catalogue: Catalogue;
  /** What `-c` gave instead of the settings file, in sentences. */
  readonly overrides: readonly string[];
}

const logLevels = ['DEBUG', 'INFO', 'WARN', 'ERROR'] as const;
const tracings = ['off', 'sampled'] as const;
/** @see https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html */
const logRetentions = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
] as const;

const defaults = {
  appName: defaultAppName,
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
} as const satisfies Partial<Settings>;

/** Every setting of a file, in the order of the README, with how it is read. */
const readers = (environment: Environment) => ({
  stripeEventSourceName: values.eventSourceName,
  secondEventSourceName: values.eventSourceName,
  retiredEventSourceName: values.eventSourceName,
  appName: values.appName(environment),
  adoptEventBus: values.flag,
  createKmsKey: values.flag,
  reconcileHeals: values.flag,
  alarmEmail: values.email,
  apiUrl: values.publicHttpsUrl,
  runbookBaseUrl: values.httpsUrl,
  databaseCaFile: values.certificates(join(import.meta.dirname, '..')),
  logLevel: values.oneOf(logLevels),
  logRetentionDays: values.oneOf(logRetentions),
  archiveRetentionDays: values.wholeNumber('days', 1, 36_500),
  auditRetentionDays: values.wholeNumber('days', 1, 36_500),
  auditDrainSeconds: values.wholeNumber('seconds', 0, 120),
  tracing: values.oneOf(tracings),
  verifyEvents: values.flag,
  vpc: values.vpcPlace,
  // Checked apart, one sentence for each threshold.
  thresholds: (given: unknown) => given as Partial<Thresholds>,
});
export type SettingName = keyof ReturnType<typeof readers>;
export const settingNames = Object.keys(readers('dev')) as SettingName[];

/** Something in the settings or in `config/` is wrong; the message lists every problem and how to correct each. */
export class SettingsError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    const count = problems.length === 1 ? 'One setting is' : `${problems.length} settings are`;
    super(
      `${count} not usable, so nothing was synthesised:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`,
    );
    this.name = 'SettingsError';
    this.problems = problems;
  }
}

/** Where settings are read from. */
export interface SettingsPlaces {
  readonly config?: string;
  /** @default `environments` in the config folder */
  readonly environments?: string;
}

/**
 * The settings of one deployment: its committed file, `config/environments/<environment>.yaml`, and what the CDK context
 * (`-c name=value`) gives instead.
 *
 * Production needs its file: a deployment must not depend on what somebody remembers to type.
 * @throws {SettingsError} with every problem at once.
 */
export function readSettings(context: Readonly<Record<string, unknown>>, places: SettingsPlaces = {}): Settings {
  const config = places.config ?? configFolder;
  const problems: string[] = nearMisses(context);
  const environment = environmentIn(context, problems);
  const app = typeof context.appName === 'string' ? context.appName.trim() || undefined : undefined;
  const folder = places.environments ?? textIn(context, 'environmentsFolder') ?? join(config, 'environments');
  const file = environmentFile(environment ?? 'dev', app, folder, problems);
  problems.push(...problemsWith(file, environment));
  problems.push(
    ...thresholdProblems(context.thresholds ?? file.values.thresholds).map((text) => `${file.name}: ${text}`),
  );
  const { read, overrides } = valuesOf(file, context, readers(environment ?? 'staging'), problems);
  if (
    read.stripeEventSourceName === undefined &&
    read.secondEventSourceName === undefined &&
    !problems.some((problem) => problem.includes('stripeEventSourceName'))
  )
    problems.push(`stripeEventSourceName is missing in ${file.name}: ${values.whereTheSourceIs}.`);
  problems.push(...sourceProblems({ ...defaults, ...read, environment: environment ?? 'staging' }));
  const catalogue = readPlans(problems, config);
  checkPlanEvents(problems, config);
  if (problems.length > 0) throw new SettingsError(problems);
  const { databaseCaFile, ...rest } = read;
  return {
    ...defaults,
    ...rest,
    ...(databaseCaFile !== undefined && { databaseCa: databaseCaFile }),
    environment: environment!,
    catalogue: catalogue!,
    overrides,
  };
}

/** What is kept of a deployment's settings as an output of its stack, so that it can be compared with what lies here. */
export type KeptSettings = Omit<Settings, 'catalogue' | 'databaseCa' | 'overrides'> & {
  readonly databaseCaSha256?: string;
};

export const keptSettings = ({ catalogue: _, overrides: _o, databaseCa, ...settings }: Settings): KeptSettings => ({
  ...settings,
  ...(databaseCa !== undefined && { databaseCaSha256: createHash('sha256').update(databaseCa).digest('hex') }),
});

type Readers = ReturnType<typeof readers>;
type Read = { [Name in SettingName]?: Exclude<ReturnType<Readers[Name]>, values.Fault> };

function valuesOf(
  file: EnvironmentFile,
  context: Readonly<Record<string, unknown>>,
  read: Readers,
  problems: string[],
): { read: Read; overrides: string[] } {
  const found: Record<string, unknown> = {};
  const overrides: string[] = [];
  for (const name of settingNames) {
    const inFile = isGiven(file.values[name]) ? file.values[name] : undefined;
    const given = isGiven(context[name]) ? context[name] : undefined;
    if (inFile === undefined && given === undefined) continue;
    const value = read[name](given ?? inFile);
    if (value instanceof values.Fault) {
      problems.push(`${given === undefined ? `${file.name}: ` : ''}${name} ${value.what}: ${value.fix}.`);
      continue;
    }
    found[name] = value;
    // The app's name chooses the file, so it overrides nothing.
    if (given !== undefined && name !== 'appName' && String(given) !== String(inFile ?? '')) {
      overrides.push(
        inFile === undefined
          ? `-c ${name}=${given} is in no file: the next deployment without it takes it back. To keep it, write "${name}: ${given}" into ${file.name}.`
          : `-c ${name}=${given} overrides "${name}: ${inFile}" of ${file.name}: the next deployment without it takes it back.`,
      );
    }
  }
  return { read: found as Read, overrides };
}

/** An empty value counts as left out: `alarmEmail:` in a file, `-c alarmEmail=`. */
const isGiven = (value: unknown): boolean => value !== undefined && value !== null && value !== '';

const textIn = (context: Readonly<Record<string, unknown>>, name: string): string | undefined =>
  typeof context[name] === 'string' && context[name] !== '' ? context[name] : undefined;

function environmentIn(context: Readonly<Record<string, unknown>>, problems: string[]): Environment | undefined {
  const given = isGiven(context.environment) ? context.environment : 'dev';
  const known = environments.find((environment) => environment === given);
  if (!known) problems.push(`environment is ${JSON.stringify(given)}: choose one of ${environments.join(', ')}.`);
  return known;
}

function problemsWith(file: EnvironmentFile, environment: Environment | undefined): string[] {
  if (!file.present && environment === 'prod')
    return [
      `${file.name} is missing: production is deployed from a committed file only. Write its settings there (README, "Settings").`,
    ];
  return Object.keys(file.values)
    .filter((name) => !(settingNames as string[]).includes(name))
    .map((name) => {
      const meant = name === 'environment' ? undefined : nearestOf(settingNames, name);
      const fix = meant
        ? `did you mean ${meant}`
        : name === 'environment'
          ? "leave it out: the file's name says it"
          : `choose from ${settingNames.join(', ')}`;
      return `${file.name}: ${name} is not a setting: ${fix}.`;
    });
}

/** A mistyped optional setting would be ignored without a word: `-c createKMSKey=true` would encrypt nothing. Others have context too. */
function nearMisses(context: Readonly<Record<string, unknown>>): string[] {
  const ours: string[] = [...settingNames, 'environment', 'environmentsFolder'];
  return Object.keys(context)
    .filter((name) => !ours.includes(name) && !/[:@/]/.test(name))
    .flatMap((name) => {
      const meant = nearestOf(ours, name);
      return meant ? [`${name} is not a setting: did you mean ${meant}.`] : [];
    });
}
