import { workers } from '../../core/workers.ts';
import type { CommandLines } from '../cli/command-lines.ts';
import type { Ops } from '../cli/ops.ts';
import type { Change } from '../cli/verb-report.ts';
import type { Consumer } from '../deployment/consumer.ts';
import { planDisable } from '../destination/destination.ts';
import { destinationsOf } from '../destination/stripe-destination.ts';
import { planPause } from '../pause/pause.ts';

export interface RollbackPlan {
  workers: Consumer[];
  disables_destination: boolean;
  /** What to do next, in order; each is a command or a decision. */
  way_back: string[];
}

/**
 * The guided stop when a release went wrong: the workers stop, everything is still collected (queues, archive, audit), and the
 * way back is said. Stripe's destination (both of them while a cut-over lasts) is disabled only when asked for, because what Stripe does not send is lost.
 */
export async function planRollback(
  ops: Ops,
  { disableDestination }: { disableDestination: boolean },
): Promise<Change<RollbackPlan, RollbackPlan>> {
  // The audit goes on: it interprets nothing, and it is the record of what a bad release did.
  const pause = await planPause(ops, workers);
  const sending = disableDestination ? await destinationsOf(ops) : [];
  // Where there is only one, nobody has to say which.
  const disabled = sending.map(({ id }) => (sending.length > 1 ? id : undefined));
  const disables = await Promise.all(disabled.map((id) => planDisable(ops, id)));
  const wayBack = wayBackFrom(ops.lines, disabled);
  const plan = (workers: Consumer[]): RollbackPlan => ({
    workers,
    disables_destination: disableDestination,
    way_back: wayBack,
  });
  return {
    plan: plan(pause.plan.workers),
    steps: [...pause.steps, ...disables.flatMap(({ steps }) => steps)],
    warnings: [
      ...pause.warnings,
      'The scheduled comparison only queues what it finds: it waits with the rest.',
      ...new Set(disables.flatMap(({ warnings }) => warnings)),
    ],
    async act() {
      const paused = await pause.act();
      for (const disable of disables) if (disable.steps.length > 0) await disable.act();
      return { data: plan(paused.data.workers), found: [] };
    },
  };
}

function wayBackFrom(lines: CommandLines, disabled: readonly (string | undefined)[]): string[] {
  return [
    `Check out the last good commit and deploy it: ${lines.cdk('deploy')}. Migrations only go forward: leave the database as it is (a header in supabase/migrations says so if that is not safe).`,
    `See that both ends fit: ${lines.verb('doctor')}`,
    ...disabled.map(
      (id) => `Let Stripe send again: ${lines.verb(`destination enable ${id ? `--id ${id} ` : ''}--apply`)}`,
    ),
    `Take up the work, one worker first: ${workers.map((worker) => lines.verb(`resume ${worker} --apply`)).join(', then ')}`,
    `Send back what the bad release gave up on: ${lines.verb('redrive --apply')}`,
    `Repair what it wrote wrongly, from the hour it was deployed: ${lines.verb('replay --from <time> --to <time>')} (shows first what would change)`,
    ...(disabled.length > 0 ? [`Find what Stripe did not send meanwhile: ${lines.verb('reconcile --apply')}`] : []),
  ];
}
