import type { EventFamily, FunctionName, QueueFed, Worker } from '../core/workers.ts';

export const environments = ['dev', 'staging', 'prod'] as const;
export type Environment = (typeof environments)[number];

/** Every name that a person meets, from one place: `{app}-stripe-…-{env}`. */
export function pipelineNames({ appName, environment }: { appName: string; environment: Environment }) {
  const named = (part: string) => `${appName}-stripe-${part}-${environment}`;
  return {
    stack: `${appName}-stripe-${environment}`,
    archive: `${appName}-stripe-${environment}`,
    /** Of the second place for an event source (`event-sources.ts`). */
    secondArchive: `${appName}-stripe2-${environment}`,
    dashboard: `${appName}-stripe-${environment}`,
    appBus: named('plans'),
    table: named('idempotency'),
    secret: `${appName}/stripe/${environment}`,
    apiKeySecret: `${appName}/stripe/${environment}/api-key`,
    keyAlias: `alias/${appName}-stripe-${environment}`,
    apiConnection: named('api'),
    /** Namespace of the metrics that the functions write. */
    metrics: `${appName}/stripe`,
    /** `source` of the plan events on the app bus. */
    planEventSource: `${appName}.stripe`,
    fn: (name: FunctionName) => named(name),
    workerRule: (worker: Worker) => named(worker),
    auditRule: (family: EventFamily, share: number) => named(`audit-${family}-${share}`),
    apiRule: named('api'),
    reconcileRule: named('reconcile'),
    clockRule: named('clock'),
    keyLossRule: named('key-loss'),
    deploymentRule: named('deployment'),
    handMadeChangesRule: named('hand-made-changes'),
    lookPolicy: named('look'),
    actPolicy: named('act'),
    queue: (worker: Worker) => named(worker),
    failed: (name: Worker | 'reconcile') => named(`${name}-failed`),
    undelivered: (name: QueueFed | 'api' | 'bus') => named(`${name}-undelivered`),
    auditQueue: `${named('audit')}.fifo`,
    auditFailed: `${named('audit-failed')}.fifo`,
  };
}

/**
 * The longest app name that keeps the tightest name within its limit: the archive's 48 characters.
 * Rules and functions may have 64 characters and queues 80, which leaves room for what we put around the app's name.
 *
 * @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CreateArchive.html
 */
export const longestAppName = (environment: Environment): number => 48 - `-stripe-${environment}`.length;
