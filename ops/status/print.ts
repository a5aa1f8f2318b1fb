import { duration, type Formatting, moment } from '../cli/formatting.ts';
import { percent, type Status } from './status.ts';

export function printStatus(status: Status, format: Formatting): string {
  const { health, reasons, last_hour, slo, queues, workers } = status;
  const colour = {
    healthy: format.good,
    unknown: format.dim,
    paused: format.care,
    degraded: format.care,
    critical: format.wrong,
  }[health];
  const rate = (value: number | null) => (value === null ? '–' : percent(value));
  return [
    `${colour(health.toUpperCase())} ${format.dim(`at ${moment(status.at)}; last event ${moment(status.last_event_at)}`)}`,
    ...reasons.map((reason) => `  - ${reason}`),
    '',
    format.bold('Live events of the last hour'),
    `  ${Object.entries(last_hour.events)
      .map(([outcome, number]) => `${number} ${outcome}`)
      .join(', ')}; ${last_hour.deferred_attempts} attempts deferred`,
    `  attempts failed ${rate(last_hour.processing_failure_rate)}; payments failed ${rate(last_hour.payment_failure_rate)}`,
    '',
    format.bold(`Committed within ${slo.within_ms / 1000} s (promise ${percent(slo.target)})`),
    `  last hour ${rate(slo.last_hour.achieved)} of ${slo.last_hour.events}; last 30 days ${rate(slo.last_30_days.achieved)} of ${slo.last_30_days.events}`,
    '',
    format.table(
      ['queue', 'what', 'waiting', 'in flight', 'oldest', 'worker'],
      queues.map(({ name, kind, waiting, in_flight, oldest_s }) => [
        name,
        kind,
        waiting,
        in_flight,
        duration(oldest_s),
        kind === 'work' ? (workers.find((worker) => worker.name === name)?.state ?? null) : null,
      ]),
    ),
  ].join('\n');
}
