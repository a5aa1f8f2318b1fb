import type { Story } from '../../adapters/postgres/story-store.ts';
import type { LostMessage } from '../story/dead-letters-of.ts';
import { endedAs, notifiedOf, toldOf } from '../story/words.ts';

/** One thing that happened: Stripe said it, we made something of it, or the apps were notified. */
export interface TimelineLine {
  /** Stripe's second; of a dead letter, when it came to its queue. ISO 8601. */
  at: string;
  who: 'Stripe' | 'we' | 'apps';
  event_id: string | null;
  says: string;
}

/** What happened, by Stripe's seconds: each event, what we made of it and why, and what the apps were notified of because of it. */
export function timelineOf(story: Story | null, lost: readonly LostMessage[]): TimelineLine[] {
  const ledger = story?.ledger ?? [];
  const known = new Set(ledger.map(({ event_id }) => event_id));
  const notified = (story?.plan_events ?? []).toReversed();
  const groups: TimelineLine[][] = ledger.map((row) => {
    const line = (who: TimelineLine['who'], says: string): TimelineLine => ({
      at: row.created,
      who,
      event_id: row.event_id,
      says,
    });
    return [
      line(
        'Stripe',
        row.told ? `${row.type}: ${toldOf(row.told)}` : `${row.type}${row.object_id ? ` ${row.object_id}` : ''}`,
      ),
      line('we', endedAs(row)),
      ...notified
        .filter(({ source_event_id }) => source_event_id === row.event_id)
        .map((each) => line('apps', notifiedOf(each))),
    ];
  });
  // A user may have been notified because of somebody else's event, or because a date came.
  for (const each of notified.filter(({ source_event_id }) => !known.has(source_event_id)))
    groups.push([{ at: each.occurred_at, who: 'apps', event_id: each.source_event_id, says: notifiedOf(each) }]);
  for (const { since, event_id, event_type, reason, queue } of lost)
    groups.push([
      {
        at: since,
        who: 'we',
        event_id,
        says: `given up: ${event_type ?? 'a message'}, ${reason}; it lies in ${queue}`,
      },
    ]);
  return groups.sort(([one], [other]) => Date.parse(one!.at) - Date.parse(other!.at)).flat();
}
