import { workers } from '../../core/workers.ts';
import type { ReconcileReport } from '../../pipeline/reconcile/report.ts';
import { type Formatting, moment } from '../cli/formatting.ts';
import type { ReconcileResult } from './reconcile.ts';

/** So many rows are shown one by one; what is healed is in the audit bucket in full. */
const SHOWN = 20;

const atSecond = (seconds: number) => moment(new Date(seconds * 1000).toISOString());

export const printReconcilePlan = (report: ReconcileReport, format: Formatting): string =>
  [
    `${report.events_compared} events and ${objects(report)} compared with Stripe, in ${report.requests} requests.`,
    ...leftOut(report).map((line) => format.care(line)),
    report.missed_events === 0
      ? format.good('No event is missing.')
      : `${format.wrong(`${report.missed_events} events are missing`)}: ${byType(report)}.`,
    ...moneyByDay(report, format),
    report.drifted_rows === 0
      ? format.good('No row differs.')
      : [
          format.wrong(`${report.drifted_rows} rows differ, ${report.new_rows} of which we do not have at all:`),
          format.table(
            ['kind', 'id', 'differs in'],
            report.drifted
              .slice(0, SHOWN)
              .map(({ kind, id, fields }) => [kind, id, fields.length === 0 ? '(no row)' : fields.join(', ')]),
          ),
          ...(report.drifted_rows > SHOWN
            ? [format.dim('… the rest with --json, up to fifty, or in the audit bucket')]
            : []),
        ].join('\n'),
    ...(report.unknown_rows === 0
      ? []
      : [format.wrong(`${report.unknown_rows} of our rows Stripe does not know:`), ...unknown(report, format)]),
    ...unreadable(report, format),
    ...nobodys(report, format),
  ].join('\n');

export const printReconcileResult = ({ queued, run_id }: ReconcileResult, format: Formatting): string =>
  format.good(
    `Queued ${workers.map((worker) => `${queued[worker]} for ${worker}`).join(' and ')} (run ${run_id}). Run \`reconcile\` again in a minute to see that nothing is left.`,
  );

function moneyByDay({ money, days_that_differ }: ReconcileReport, format: Formatting): string[] {
  if (money === null) return [];
  if (days_that_differ === 0) return [format.good('Charges, refunds and disputes add up to the same, day by day.')];
  return [
    format.wrong(`Money adds up to something else on ${days_that_differ} days, in minor units:`),
    format.table(
      ['day', 'of', 'currency', 'Stripe', 'ours'],
      money
        .slice(0, SHOWN)
        .map(({ day, kind, currency, stripes_minor, ours_minor }) => [
          day,
          `${kind}s`,
          currency,
          String(stripes_minor),
          String(ours_minor),
        ]),
    ),
    ...(days_that_differ > SHOWN ? [format.dim('… the rest with --json, up to fifty')] : []),
  ];
}

function nobodys({ entitled_without_user, without_user }: ReconcileReport, format: Formatting): string[] {
  if (entitled_without_user === 0) return [];
  return [
    format.wrong(`${entitled_without_user} subscriptions or purchases entitle somebody, and nobody knows whom.`),
    ...(without_user.length === 0 ? [] : ['Stripe does not say either, of:']),
    ...without_user.slice(0, SHOWN).map(({ kind, id, customer_id }) => `  ${kind} ${id} of ${customer_id}`),
    ...(without_user.length > SHOWN ? [format.dim('  … the rest with --json, up to fifty')] : []),
  ];
}

function unreadable({ unreadable: named, unreadable_objects }: ReconcileReport, format: Formatting): string[] {
  return [
    ...named.slice(0, SHOWN).map(({ kind, id, problem }) => format.wrong(`${kind} ${id}: ${problem}`)),
    ...(unreadable_objects > SHOWN
      ? [format.dim(`… of ${unreadable_objects} that cannot be read; more with --json, up to fifty`)]
      : []),
  ];
}

function unknown({ unknown_to_stripe, unknown_rows }: ReconcileReport, format: Formatting): string[] {
  return [
    ...unknown_to_stripe.slice(0, SHOWN).map(({ kind, id }) => `  ${kind} ${id}`),
    ...(unknown_rows > SHOWN ? [format.dim('  … the rest with --json, up to fifty')] : []),
  ];
}

function leftOut({ left_out, windows }: ReconcileReport): string[] {
  if (left_out.events === 0) return [];
  return [
    `Left out: ${left_out.events} events that may still be on their way, ${left_out.not_in_ledger} of which are not in our ledger yet.`,
    ...workers.map((worker) => {
      const { from, to, waiting } = windows[worker];
      return to === null
        ? `  ${worker}: all since ${atSecond(from)}, because ${waiting} messages wait in its queue and are older than they should be.`
        : `  ${worker}: since ${atSecond(to)}. Run again in 15 minutes, or add --all.`;
    }),
  ];
}

function objects({ compared }: ReconcileReport): string {
  const counts = Object.entries(compared).filter(([, count]) => count > 0);
  return counts.length === 0
    ? 'no objects'
    : counts.map(([kind, count]) => `${count} ${kind.replace('_', ' ')}s`).join(', ');
}

function byType({ missed, missed_events }: ReconcileReport): string {
  const counts = Map.groupBy(missed, ({ type }) => type);
  const shown = [...counts].map(([type, events]) => `${events.length} ${type}`).join(', ');
  return missed_events > missed.length ? `${shown}, among the first ${missed.length}` : shown;
}
