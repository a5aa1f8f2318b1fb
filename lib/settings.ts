import type { Node } from 'constructs';
import type { Catalogue } from '../core/plans/catalogue.ts';
import { checkPlanEvents, configFolder, readPlans } from './config-files.ts';
import type { Environment } from './names.ts';
import { SettingsContext } from './settings-context.ts';
import type { Thresholds } from './watch/thresholds.ts';

/** What a deployment can choose, parsed and checked once. */
export interface Settings {
  /** Partner event source that Stripe made, `aws.partner/stripe.com/ed_…`; the partner bus has the same name. */
  readonly stripeEventSourceName: string;
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
  /** Who is told about alarms. @default nobody is subscribed; the topic exists and others may subscribe */
  readonly alarmEmail?: string;
  /** Where plan events are posted to. @default nowhere; they are on the app bus in any case */
  readonly apiUrl?: string;
  /** What a runbook's link begins with, without the closing slash. @default no link: an alarm's text then holds the page's first steps */
  readonly runbookBaseUrl?: string;
  /** Alarm thresholds other than the environment's usual ones (`lib/watch/thresholds.ts`). @default the usual ones */
  readonly thresholds?: Partial<Thresholds>;
  /** PEM of the authorities that Postgres may show. @default Node's own list */
  readonly databaseCa?: string;
  /** `config/plans.yaml`, checked. */
  readonly catalogue: Catalogue;
}

/** Something in the context or in `config/` is wrong; the message lists every problem and how to mend each. */
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

/**
 * The settings in the CDK context of `node` (`-c name=value` or cdk.json) and in the files of `folder`.
 *
 * @throws {SettingsError} with every problem at once.
 */
export function readSettings(node: Node, folder = configFolder): Settings {
  const context = new SettingsContext(node);
  context.refuseNearMisses();
  const environment = context.environment();
  const settings: { [Name in keyof Settings]: Settings[Name] | undefined } = {
    stripeEventSourceName: context.stripeEventSourceName(),
    environment,
    appName: context.appName(environment ?? 'staging'),
    adoptEventBus: context.flag('adoptEventBus'),
    createKmsKey: context.flag('createKmsKey'),
    alarmEmail: context.alarmEmail(),
    apiUrl: context.httpsUrl('apiUrl'),
    runbookBaseUrl: context.runbookBaseUrl(),
    databaseCa: context.databaseCa(),
    catalogue: readPlans(context.problems, folder),
  };
  checkPlanEvents(context.problems, folder);
  if (context.problems.length > 0) throw new SettingsError(context.problems);
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)) as unknown as Settings;
}
