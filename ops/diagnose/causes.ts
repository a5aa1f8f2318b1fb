import type { CommandLines } from '../cli/command-lines.ts';
import type { Check } from '../doctor/check.ts';
import type { Evidence } from './evidence.ts';

/**
 * A cause, by what shows it: a check of doctor's (whose words may have to say more), a failure code in the logs, or both.
 * The command is the one that the check's own fix begins with, unless the cause has another.
 */
export interface Cause {
  id: string;
  /** Runbook, without its folder and ending. */
  page: string;
  check?: { id: string; says?: RegExp };
  /** Codes of attempts that failed; only where no check explains them better. */
  codes?: RegExp;
  /** CloudTrail's names of the calls that bring it about. */
  changes?: RegExp;
  command?: (lines: CommandLines) => string;
  /** It may be what another cause left behind: named first only when there is no other. */
  leftBehind?: true;
}

const wait = ({ verb }: CommandLines) => verb('watch');

/**
 * Roots before what they lead to: the first that matches is the cause, the others are named beside it.
 *
 * What a check sees now goes before what the logs tell: a message of an incident that is over may wait a quarter of an hour for its next attempt.
 */
export const causes = [
  {
    id: 'key',
    page: 'events-lost',
    check: { id: 'aws.key' },
    changes: /^(DisableKey|ScheduleKeyDeletion|PutKeyPolicy)$/,
  },
  {
    id: 'event-source-gone',
    page: 'partner-source-not-found',
    check: { id: 'stripe.destination.source', says: /deleted/ },
    changes: /EventBus|EventSource/,
    command: ({ verb }) => verb('destination create --successor --apply'),
  },
  {
    id: 'bus-gone',
    page: 'bus-gone',
    check: { id: 'stripe.destination.source' },
    changes: /EventBus/,
    command: ({ cdk }) => cdk('drift'),
  },
  {
    id: 'queue-deleted',
    page: 'queue-deleted',
    check: { id: 'aws.queues.there' },
    changes: /^DeleteQueue$/,
    command: revert,
  },
  {
    id: 'queue-closed',
    page: 'queue-deleted',
    check: { id: 'aws.queues.policy' },
    changes: /^SetQueueAttributes$/,
  },
  {
    id: 'rule-disabled',
    page: 'rule-disabled',
    check: { id: 'aws.rules', says: /^Disabled/ },
    changes: /^(DisableRule|PutRule)$/,
  },
  {
    id: 'rule-deleted',
    page: 'deleted-by-hand',
    check: { id: 'aws.rules' },
    changes: /^(DeleteRule|RemoveTargets)$/,
    command: revert,
  },
  {
    id: 'rule-astray',
    page: 'deleted-by-hand',
    check: { id: 'aws.rules.targets' },
    changes: /^(PutTargets|RemoveTargets)$/,
    command: revert,
  },
  {
    id: 'secret-not-set',
    page: 'secret-not-set',
    check: { id: 'secret' },
    codes: /^(secret_not_set|secret_unreadable|database_url_invalid)$/,
    changes: /^(PutSecretValue|UpdateSecret|DeleteSecret)/,
    command: ({ verb }) => verb('secrets --apply'),
  },
  {
    id: 'database-password',
    page: 'supabase-down',
    check: { id: 'database', says: /password|authentication|SASL|role .* does not exist/ },
    codes: /^database_28/,
    command: ({ verb }) => verb('secrets --apply'),
  },
  {
    id: 'schema-behind',
    page: 'supabase-down',
    check: { id: 'database.schema' },
    codes: /^database_(42|3F)/,
    command: ({ verb }) => verb('migrate --apply'),
  },
  {
    id: 'database-down',
    page: 'supabase-down',
    check: { id: 'database' },
    codes: /^database_(unreachable|08|53|57)/,
    command: wait,
  },
  {
    id: 'stripe-key',
    page: 'stripe-key',
    check: { id: 'stripe.key', says: /does not accept the key|mode key|no Stripe key|may not/ },
    codes: /^stripe_(401|403)$/,
    command: ({ verb }) => verb('secrets --apply'),
  },
  {
    id: 'function-changed',
    page: 'function-changed-by-hand',
    check: { id: 'aws.functions.code' },
    changes: /^UpdateFunction/,
  },
  {
    id: 'function-gone',
    page: 'deleted-by-hand',
    check: { id: 'aws.functions' },
    changes: /^DeleteFunction/,
    command: revert,
  },
  {
    id: 'function-does-not-start',
    page: 'rollback',
    check: { id: 'aws.functions.start' },
    changes: /^UpdateFunction/,
    command: ({ verb }) => verb('rollback --apply'),
  },
  { id: 'audit-bucket-gone', page: 'audit-bucket-gone', check: { id: 'aws.bucket' }, changes: /^DeleteBucket/ },
  {
    id: 'mapping-deleted',
    page: 'deleted-by-hand',
    check: { id: 'aws.mappings', says: /gone/ },
    changes: /^DeleteEventSourceMapping/,
  },
  { id: 'paused', page: 'nothing-settled', check: { id: 'aws.mappings' }, changes: /^UpdateEventSourceMapping/ },
  { id: 'destination-disabled', page: 'destination-disabled', check: { id: 'stripe.destination.enabled' } },
  { id: 'destination-gone', page: 'destination-disabled', check: { id: 'stripe.destination' } },
  {
    id: 'stripe-down',
    page: 'stripe-incident',
    check: { id: 'stripe.key' },
    codes: /^stripe_(?!not_found)/,
    command: wait,
  },
  { id: 'archive-gone', page: 'deleted-by-hand', check: { id: 'aws.archive' }, changes: /Archive/, command: revert },
  {
    id: 'redrive-policy',
    page: 'deleted-by-hand',
    check: { id: 'aws.queues.redrive' },
    changes: /^SetQueueAttributes$/,
    command: revert,
  },
  { id: 'schedule-off', page: 'reconcile-silent', check: { id: 'aws.rules.others' }, changes: /Rule$/ },
  { id: 'aws-service', page: 'processing-failures', codes: /_unavailable$/, command: wait },
  {
    id: 'unknown-price',
    page: 'unknown-price',
    leftBehind: true,
    check: { id: 'stripe.prices.known' },
    command: ({ cdk }) => cdk('deploy'),
  },
  {
    id: 'dead-letters',
    page: 'failed',
    leftBehind: true,
    check: { id: 'aws.queues.empty' },
    codes: /^(handler_bug|unreadable_event|stripe_not_found|database_2[23])/,
  },
] as const satisfies readonly Cause[];

function revert({ cdk }: CommandLines): string {
  return cdk('deploy --revert-drift');
}

/** A cause that the evidence shows. */
export interface ShownCause {
  cause: Cause['id'];
  says: string;
  /** `docs/runbooks/rule-disabled.md` */
  page: string;
  command: string;
  /** Who brought it about, as far as CloudTrail knows. */
  changed: Evidence['changes'];
}

/** What the evidence shows, the cause first. */
export function findCauses(evidence: Evidence, lines: CommandLines): ShownCause[] {
  const findings: (ShownCause & { rank: number })[] = [];
  const explained = new Set<string>();
  // Each twice: what it explains may be found of either event source.
  for (const cause of (causes as readonly Cause[]).flatMap((one) => [one, one])) {
    const { id, page, codes, changes, command, leftBehind } = cause;
    const check = evidence.wrong.find((one) => cause.check && shows(cause.check, one) && !explained.has(one.id));
    const failed = evidence.codes.filter(({ code }) => codes?.test(code) && !explained.has(code));
    if (!check && failed.length === 0) continue;
    if (check) explained.add(check.id);
    for (const { code } of failed) explained.add(code);
    findings.push({
      rank: leftBehind ? 2 : check ? 0 : 1,
      cause: id,
      says: [
        check?.says,
        ...failed.map(
          ({ code, attempts, workers, detail }) =>
            `${attempts} attempts failed with ${code} in the last 10 minutes (${workers.join(', ')})${detail && !check ? `: ${detail}` : ''}.`,
        ),
      ]
        .filter(Boolean)
        .join(' '),
      page: `docs/runbooks/${page}.md`,
      command: command?.(lines) ?? commandIn(check?.fix) ?? lines.verb('logs "failures by reason"'),
      changed: changes ? evidence.changes.filter(({ action }) => changes.test(action)) : [],
    });
  }
  // Nothing that doctor found is kept from whoever asks, though no cause here explains it.
  for (const { id, says, fix } of evidence.wrong.filter((check) => !explained.has(check.id)))
    findings.push({
      rank: 3,
      cause: id,
      says,
      page: 'docs/runbooks/degraded.md',
      command: commandIn(fix) ?? lines.verb('doctor'),
      changed: [],
    });
  return findings.sort((one, other) => one.rank - other.rank).map(({ rank: _, ...finding }) => finding);
}

/** While there are two event sources, doctor checks `stripe.destination.enabled.other` and the like of the second one: the same causes. */
const shows = ({ id, says }: NonNullable<Cause['check']>, check: Check): boolean =>
  (check.id === id || check.id === `${id}.other`) && (says === undefined || says.test(check.says));

/** The first command of a fix; they stand between backticks. */
const commandIn = (fix: string | null | undefined): string | undefined => /`([^`]+)`/.exec(fix ?? '')?.[1];
