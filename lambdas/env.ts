import { type Worker, workers } from '../core/workers.ts';

/**
 * What each function needs in its environment: the contract between the stack and the handlers.
 *
 * The stack's constructs take these types as props, so a missing variable does not compile; a handler reads all of them at its start, so
 * one that is not there stops it, by name. Secrets never travel here: `SECRET_ID` names the Secrets Manager secret that holds them.
 */
export const workerEnv = [
  /** `dev`, `staging` or `prod`; prod takes live-mode events, every other environment test-mode ones. */
  'ENVIRONMENT',
  /** Partner event sources with commas between, `aws.partner/stripe.com/ed_…`, the one that Stripe sends to first; an envelope from elsewhere is parked. */
  'STRIPE_EVENT_SOURCE_NAMES',
  /** ARN or name of the secret with `DATABASE_URL` and `STRIPE_SECRET_KEY`. */
  'SECRET_ID',
  'IDEMPOTENCY_TABLE',
  /** Bus that the apps listen on for plan events. */
  'APP_BUS_NAME',
  /** `source` of the plan events on that bus. */
  'PLAN_EVENT_SOURCE',
  /** `true` or `false`: whether Stripe is asked for an event, by its id, before it may move a plan. */
  'VERIFY_EVENTS',
  /** The queue this function reads, to give a deferred message a longer visibility timeout. */
  'WORK_QUEUE_URL',
  /** Where a message goes that no retry can help. */
  'FAILED_QUEUE_URL',
] as const;
export type WorkerEnv = Record<(typeof workerEnv)[number], string>;

export const auditEnv = [
  'AUDIT_BUCKET',
  /** The queue this function reads, to take what waits beside the batch that it was given. */
  'AUDIT_QUEUE_URL',
  /** How long an event waits for company at most; 0: each batch is written as it comes. */
  'AUDIT_DRAIN_SECONDS',
] as const;
export type AuditEnv = Record<(typeof auditEnv)[number], string>;

/** The reconcile function finds what differs and queues it for the workers, who apply it as they do everything. */
export const reconcileEnv = [
  'ENVIRONMENT',
  /**
   * Partner event sources that Stripe should send to, with commas between; not a retired one, which is silent on purpose. What is queued
   * here itself bears the name of the first.
   */
  'SENDING_EVENT_SOURCE_NAMES',
  'SECRET_ID',
  /** JSON: each worker's work queue, by the worker's name. */
  'WORK_QUEUE_URLS',
  /** Where it keeps, field by field, what it had corrected. */
  'AUDIT_BUCKET',
  /** `true`: what is found is queued; anything else: only reported. */
  'RECONCILE_HEALS',
] as const;
export type ReconcileEnv = Record<(typeof reconcileEnv)[number], string>;

/** Never set by the stack: the local run and the tests send the functions to another server of Stripe's shape, or play its event source. */
export interface LocalEnv {
  STRIPE_API_BASE?: string;
  /** `no`: no destination of Stripe's sends to this event source, so nobody asks whether one does. */
  STRIPE_SENDS_HERE?: string;
}

/** Read by Powertools, in every function. */
export interface PowertoolsEnv {
  POWERTOOLS_SERVICE_NAME: string;
  POWERTOOLS_METRICS_NAMESPACE: string;
  POWERTOOLS_LOG_LEVEL: string;
}

/**
 * The named variables of this process, and those of a local run.
 * @throws {Error} naming every variable that is missing or empty.
 */
export function readEnv<Name extends string>(
  names: readonly Name[],
  from = process.env,
): Record<Name, string> & LocalEnv {
  const missing = names.filter((name) => !from[name]);
  if (missing.length > 0) {
    throw new Error(`Missing environment variables: ${missing.join(', ')}. The stack sets them; deploy it again.`);
  }
  const { STRIPE_API_BASE, STRIPE_SENDS_HERE } = from;
  return {
    ...(Object.fromEntries(names.map((name) => [name, from[name]])) as Record<Name, string>),
    ...(STRIPE_API_BASE && { STRIPE_API_BASE }),
    ...(STRIPE_SENDS_HERE && { STRIPE_SENDS_HERE }),
  };
}

/** @throws {Error} naming the workers that `WORK_QUEUE_URLS` has no queue for. */
export function readWorkQueueUrls({ WORK_QUEUE_URLS }: Pick<ReconcileEnv, 'WORK_QUEUE_URLS'>): Record<Worker, string> {
  const urls = JSON.parse(WORK_QUEUE_URLS) as Partial<Record<Worker, string>>;
  const missing = workers.filter((worker) => !urls[worker]);
  if (missing.length > 0)
    throw new Error(`WORK_QUEUE_URLS has no queue of ${missing.join(', ')}. The stack sets it; deploy it again.`);
  return urls as Record<Worker, string>;
}
