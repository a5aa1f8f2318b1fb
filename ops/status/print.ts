import { duration, type Formatting, moment } from '../cli/formatting.ts';
import { percent } from './judge.ts';
import type { Status } from './pipeline-state.ts';
import type { SliWindow, Window } from './window.ts';

export function printStatus(status: Status, format: Formatting): string {
  const { health, reasons, code, slo, queues, workers } = status;
  const colour = {
    healthy: format.good,
    unknown: format.dim,
    paused: format.care,
    degraded: format.care,
    critical: format.wrong,
  }[health];
  return [
    `${colour(health.toUpperCase())} ${format.dim(`at ${moment(status.at)}; last event ${moment(status.last_event_at)}`)}`,
    ...reasons.map((reason) => `  - ${reason}`),
    format.dim(`Code ${code.version}, deployed ${moment(code.deployed_at)}`),
    '',
    format.table(
      ['live events', ...Object.keys(status.last_hour.events), 'deferred', 'attempts failed', 'payments failed'],
      [row('last 5 minutes', status.last_5_minutes), row('last hour', status.last_hour)],
    ),
    '',
    `${format.bold(`Committed within ${slo.within_ms / 1000} s`)} (promise ${percent(slo.target)}): ${sli('last 5 minutes', slo.last_5_minutes)}; ${sli('last hour', slo.last_hour)}; ${sli('last 30 days', slo.last_30_days)}`,
    '',
    `${format.bold('Entitled, but nobody’s')}: ${status.entitled_without_user ?? 'not counted for a day'}`,
    '',
    `${format.bold('Stripe')}: ${status.stripe.state === 'sends' ? `sends by ${status.stripe.destinations.join(' and ')}` : status.stripe.why}`,
    '',
    format.table(
      ['worker', 'state', 'arrived in 5 min', 'settled', 'crashed'],
      workers.map(({ name, state, arrived, settled, crashed }) => [name, state, arrived, settled, crashed]),
    ),
    '',
    format.table(
      ['queue', 'what', 'waiting', 'in flight', 'oldest'],
      queues.map(({ name, kind, waiting, in_flight, oldest_s }) => [
        name,
        kind,
        waiting ?? 'gone',
        in_flight,
        duration(oldest_s),
      ]),
    ),
  ].join('\n');
}

const rate = (value: number | null) => (value === null ? '–' : percent(value));

const row = (name: string, { events, deferred_attempts, ...rates }: Window): (string | number)[] => [
  name,
  ...Object.values(events),
  deferred_attempts,
  rate(rates.processing_failure_rate),
  rate(rates.payment_failure_rate),
];

const sli = (name: string, { achieved, events }: SliWindow): string => `${name} ${rate(achieved)} of ${events}`;
