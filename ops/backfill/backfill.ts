import { planPublisher } from '../../adapters/aws/app-bus.ts';
import { planStore } from '../../adapters/postgres/plan-store.ts';
import { reconcileStore } from '../../adapters/postgres/reconcile-store.ts';
import { stripeReader } from '../../adapters/stripe.ts';
import { catalogueForDatabase } from '../../core/plans/catalogue.ts';
import { type BackfillParts, type BackfillState, backfill, backfillState } from '../../pipeline/backfill/backfill.ts';
import { type BackfillPreview, previewBackfill } from '../../pipeline/backfill/preview.ts';
import { THE_BEGINNING } from '../../pipeline/reconcile/sweep.ts';
import type { Ops } from '../cli/ops.ts';
import type { ProgressReporter } from '../cli/progress.ts';
import type { Change } from '../cli/verb-report.ts';
import { stripeListsFor } from '../deployment/stripe-lists.ts';

export interface BackfillOptions {
  /** Unix seconds. @default the whole account */
  since?: number;
  notify: boolean;
}

export type BackfillPlan = BackfillPreview & {
  /** ISO 8601; null for the whole account. */
  since: string | null;
  /** An unfinished run that will go on. */
  goes_on: { run_id: string; compared: BackfillState['compared'] } | null;
};

/** What may have no user: purchases only where plans are paid once. */
export const unlinked = ({ by_purchase }: BackfillPreview): string =>
  by_purchase === null ? 'running subscriptions' : 'running subscriptions or purchases';

/** Brings what Stripe holds and we do not, through the same apply function as the events. Interrupted or killed, the same command goes on. */
export async function planBackfill(
  ops: Ops,
  { since = THE_BEGINNING, notify }: BackfillOptions,
  reporter: Pick<ProgressReporter, 'wait' | 'progress'>,
): Promise<Change<BackfillPlan, BackfillState>> {
  const catalogue = ops.plans();
  const withParts = async <Answer>(work: (parts: BackfillParts) => Promise<Answer>): Promise<Answer> => {
    const [{ outputs }, stripe, database] = await Promise.all([ops.stack(), stripeListsFor(ops), ops.database()]);
    const startedAt = ops.now().getTime();
    let interrupted = false;
    let over = false;
    let began: number | undefined;
    // Asked every moment rather than once: `wait` answers when somebody presses Ctrl-C.
    const watch = (async () => {
      while (!over && !interrupted) interrupted = await reporter.wait(200);
    })();
    try {
      return await work({
        stripe,
        store: { ...reconcileStore(database), apply: planStore(database, catalogueForDatabase(catalogue)).apply },
        reader: stripeReader(() => ops.stripe()),
        catalogue,
        publish: planPublisher(outputs.AppBusName, `${ops.appName}.stripe`, async () => ops.aws.eventbridge),
        livemode: ops.environment === 'prod',
        now: Math.floor(startedAt / 1000),
        stop: () => interrupted,
        progress(share, what) {
          // A run that goes on begins with what another one did.
          began ??= share;
          const done = share - began;
          const left = done < 0.02 ? undefined : ((ops.now().getTime() - startedAt) / done) * (1 - share);
          reporter.progress(share, left === undefined ? what : `${what}, about ${minutes(left)} left`);
        },
      });
    } finally {
      over = true;
      await watch;
      await database.end();
    }
  };

  const { preview, state } = await withParts(async (parts) => ({
    preview: await previewBackfill(parts, since),
    state: await backfillState(parts, since),
  }));
  const whole = since === THE_BEGINNING;
  return {
    plan: {
      ...preview,
      since: whole ? null : new Date(since * 1000).toISOString(),
      goes_on: state.resumed ? { run_id: state.run_id, compared: state.compared } : null,
    },
    steps: [
      'Read customers, subscriptions, Checkout sessions, invoices, charges, refunds and disputes, and write those that our rows do not show as they are.',
      notify
        ? 'Tell the apps of each plan that this changes.'
        : 'Write plan states quietly: the apps hear nothing. (--notify tells them.)',
    ],
    warnings: [
      ...(Object.keys(preview.unknown_prices).length > 0
        ? ['Prices that config/plans.yaml lacks give nobody a plan: add them first, and deploy.']
        : []),
      ...(preview.without_user.length > 0
        ? [`${preview.without_user.length} ${unlinked(preview)} have no user: \`${ops.lines.verb('link --help')}\`.`]
        : []),
      'Safe while live events flow. Ctrl-C or a kill loses nothing: the same command goes on.',
    ],
    found: [],
    async act() {
      const done = await withParts((parts) => backfill(parts, { since, notify }));
      return {
        data: done,
        found: [
          ...done.failed.map(({ kind, id, problem }) => `${kind} ${id} could not be applied: ${problem}`),
          ...(done.done ? [] : ['Interrupted. The same command goes on where it stopped.']),
        ],
      };
    },
  };
}

function minutes(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}
