import type { Formatting } from '../cli/formatting.ts';
import type { Preview } from './preview.ts';
import type { ReplayPlan, ReplayResult } from './replay.ts';

const SHOWN_CHANGES = 20;

export function printReplayPlan(
  { from, to, rules, preview, skipped, pieces, resumes, state_file }: ReplayPlan,
  format: Formatting,
): string {
  const done = pieces.filter(({ state }) => state === 'completed').length;
  return [
    `${format.bold('Replay')} ${from} to ${to}, to ${rules.join(' and ')}`,
    ...(resumes ? [`Goes on with ${resumes}: ${done} of ${pieces.length} pieces are done (${state_file}).`] : []),
    ...(skipped ? [`${skipped} events of the range are left out (--skip).`] : []),
    '',
    preview ? printPreview(preview, format) : format.dim('No preview was asked for.'),
  ].join('\n');
}

function printPreview(preview: Preview, format: Formatting): string {
  if (preview.events === 0) return 'The audit bucket holds no event of that range for these rules.';
  const { events, by_type, by_outcome, parked_because, changes, plan_events } = preview;
  const counts = (record: Record<string, number>) =>
    Object.entries(record)
      .sort(([, a], [, b]) => b - a)
      .map(([name, number]) => `${number} ${name.replaceAll('_', ' ')}`)
      .join(', ');
  return [
    format.bold(`${events} events, tried in transactions that were rolled back`),
    format.table(
      ['type', 'events'],
      Object.entries(by_type).sort(([a], [b]) => a.localeCompare(b)),
    ),
    '',
    `Outcomes: ${counts(by_outcome)}.`,
    ...(Object.keys(parked_because).length > 0 ? [format.wrong(`Parked because: ${counts(parked_because)}.`)] : []),
    Object.keys(plan_events).length > 0
      ? `The apps would receive ${Object.entries(plan_events)
          .map(([name, number]) => `${number} ${name}`)
          .join(', ')}.`
      : 'The apps would receive nothing.',
    changes.length === 0
      ? 'No plan state would change.'
      : format.bold(`${changes.length} plan ${changes.length === 1 ? 'state' : 'states'} would change:`),
    ...changes
      .slice(0, SHOWN_CHANGES)
      .map(
        ({ subscription_id, user_id, customer_id, fields }) =>
          `  ${subscription_id} (${user_id ?? customer_id}): ${fields.map(({ field, before, after }) => `${field} ${before} → ${after}`).join(', ')}`,
      ),
    ...(changes.length > SHOWN_CHANGES ? [`  and ${changes.length - SHOWN_CHANGES} more; --json lists all.`] : []),
  ].join('\n');
}

export function printReplayResult({ run, pieces, outcomes, taken_out }: ReplayResult, format: Formatting): string {
  const states = Map.groupBy(pieces, ({ state }) => state);
  const lines = [`${format.bold(run)}: ${[...states].map(([state, list]) => `${list.length} ${state}`).join(', ')}`];
  if (!outcomes) return lines.join('\n');
  const words = Object.keys(outcomes.by_outcome).sort();
  return [
    ...lines,
    `${outcomes.settled} events settled: ${words.map((word) => `${outcomes.by_outcome[word]} ${word}`).join(', ') || 'none so far'}`,
    ...(taken_out > 0 ? [`${taken_out} of the skipped ones were parked again, and taken out again.`] : []),
    ...(outcomes.settled > 0
      ? [
          format.table(
            ['type', ...words],
            Object.entries(outcomes.by_type)
              .sort(([a], [b]) => a.localeCompare(b))
              .map(([type, counts]) => [type, ...words.map((word) => counts[word] ?? 0)]),
          ),
        ]
      : []),
  ].join('\n');
}
