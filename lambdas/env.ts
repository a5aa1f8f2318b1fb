/**
 * What each function needs in its environment: the contract between the stack and the handlers.
 *
 * The stack's constructs take these types as props, so a missing variable does not compile.
 * Secrets never travel here: `SECRET_ID` names the Secrets Manager secret that holds them.
 */
export interface WorkerEnv {
  /** `dev`, `staging` or `prod`; prod takes live-mode events, every other environment test-mode ones. */
  ENVIRONMENT: string;
  /** Partner event source, `aws.partner/stripe.com/ed_…`; an envelope from elsewhere is parked. */
  STRIPE_EVENT_SOURCE_NAME: string;
  /** ARN or name of the secret with `DATABASE_URL`, `STRIPE_SECRET_KEY`, `API_KEY`. */
  SECRET_ID: string;
  IDEMPOTENCY_TABLE: string;
  /** Bus that the apps listen on for plan events. */
  APP_BUS_NAME: string;
  /** The queue this function reads, to give a deferred message a longer visibility timeout. */
  WORK_QUEUE_URL: string;
  /** Where a message goes that no retry can help. */
  FAILED_QUEUE_URL: string;
}

export interface AuditEnv {
  AUDIT_BUCKET: string;
}

/** The reconcile function finds what differs and queues it for the workers, who mend it as they do everything. */
export interface ReconcileEnv {
  ENVIRONMENT: string;
  STRIPE_EVENT_SOURCE_NAME: string;
  SECRET_ID: string;
  PAYMENTS_QUEUE_URL: string;
  BILLING_QUEUE_URL: string;
}

/**
 * The named variables of this process.
 * @throws {Error} naming every variable that is missing or empty.
 */
export function readEnv<Env extends object>(names: readonly (keyof Env & string)[], from = process.env): Env {
  const missing = names.filter((name) => !from[name]);
  if (missing.length > 0) {
    throw new Error(`Missing environment variables: ${missing.join(', ')}. The stack sets them; deploy it again.`);
  }
  return Object.fromEntries(names.map((name) => [name, from[name]])) as Env;
}
