import type { Catalogue } from '../core/catalogue.ts';
import type { Environment } from './names.ts';

/** What a deployment can choose, parsed and checked once. */
export interface Settings {
  /** Partner event source that Stripe made, `aws.partner/stripe.com/ed_…`; the partner bus has the same name. */
  readonly stripeEventSourceName: string;
  readonly environment: Environment;
  readonly appName: string;
  /** The bus exists already (another stack or a person made it): use it, never create or delete it. */
  readonly adoptEventBus: boolean;
  /** Encrypt with a key of this stack instead of the keys AWS manages. */
  readonly createKmsKey: boolean;
  /** Who is told about alarms; nobody is subscribed when absent. */
  readonly alarmEmail?: string;
  /** Where plan events are posted to, besides the app bus. */
  readonly apiUrl?: string;
  /** Prefix of the runbook links in alarms, without the closing slash. */
  readonly runbookBaseUrl: string;
  /** PEM of the authority that Postgres must show; absent means Node's own list. */
  readonly databaseCa?: string;
  /** `config/plans.yaml`, checked. */
  readonly catalogue: Catalogue;
}
