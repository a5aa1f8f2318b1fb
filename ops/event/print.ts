import { type Formatting, moment } from '../cli/formatting.ts';
import { endedAs, notifiedOf, planOf, toldOf } from '../story/words.ts';
import type { EventPage } from './event.ts';

export function printEvent(page: EventPage, format: Formatting): string {
  const { event_id, says, stripe, story, unseen } = page;
  const ledger = story?.ledger;
  const type = ledger?.type ?? stripe?.type ?? 'an event';
  const created = ledger?.created ?? stripe?.created ?? null;
  return [
    `${format.bold(event_id)}  ${type}${created === null ? '' : ` of ${moment(created)}`}`,
    `${format.bold('END')}  ${says}`,
    ...page.do.map((line, index) => `${format.bold(index === 0 ? 'DO' : '  ')}   ${line}`),
    '',
    format.table(['source', 'says'], rowsOf(page)),
    ...unseen.map(({ source, because, fix }) => format.care(`${source} did not answer: ${because} ${fix}`)),
  ].join('\n');
}

type Row = [source: string, says: string];

/** In the order in which the event passes them. */
function rowsOf({ stripe, archives, audit, waiting, lost, story, log, trace_ids, unseen }: EventPage): Row[] {
  const silent = (source: string) => unseen.some((one) => one.source === source);
  const many = (source: string, found: readonly string[], none: string): Row[] =>
    found.length === 0 ? [[source, none]] : found.map((says, index) => [index === 0 ? source : '', says]);
  const ledger = story?.ledger ?? null;
  return [
    [
      'Stripe',
      stripe
        ? `${stripe.object_id ?? 'no id'}, API ${stripe.api_version ?? '–'}, ${stripe.pending} destinations still to take it; reads as ${stripe.reads_as}`
        : silent('Stripe')
          ? 'did not answer'
          : 'does not know it: older than 30 days, or of another account or mode',
    ],
    ...many(
      'archive',
      archives.map(({ name, state, keeps }) => `${name} ${state}, keeps events ${keeps}`),
      'did not answer',
    ),
    ...many(
      'audit',
      (audit ?? []).map(
        ({ key, time, replay_name }) =>
          `${key}, arrived ${moment(time)}${replay_name ? `, replay ${replay_name}` : ''}`,
      ),
      silent('The audit bucket')
        ? 'did not answer'
        : audit
          ? 'no copy around its arrival'
          : 'not looked at: nothing says when it was',
    ),
    ['queue', waiting === null ? '–' : `${waiting} messages wait for its worker`],
    ...many(
      'dead letters',
      lost.map(({ queue, reason, since }) => `${queue}: ${reason}, since ${moment(since)}`),
      silent('The dead-letter queues') ? 'did not answer' : 'none of it',
    ),
    ...(story === null
      ? ([['ledger', 'did not answer']] as Row[])
      : ([
          [
            'ledger',
            ledger
              ? `${endedAs({ ...ledger, held_as_of: ledger.held_as_of })}; ${ledger.origin}, committed ${moment(ledger.committed_at)}`
              : 'no row',
          ],
          ...(story.held_event ? [['held event', `${story.held_event.event_id} ${story.held_event.type}`]] : []),
          ...(story.before ? [['before', toldOf(story.before)]] : []),
          ...(story.told ? [['it said', toldOf(story.told)]] : []),
          ...(story.after ? [['after', `${toldOf(story.after)} (${story.after.source_event_id})`]] : []),
          ...(story.held_now
            ? [
                [
                  'row now',
                  `${story.held_now.subscription_id} ${planOf(story.held_now)}, as of ${moment(story.held_now.as_of)}`,
                ],
              ]
            : []),
          ...many(
            'plan events',
            story.plan_events.map((each) => `${notifiedOf(each)} to ${each.user_id}`),
            'none',
          ),
        ] as Row[])),
    ...many(
      'log',
      (log ?? []).map(({ at, says }) => `${moment(at)} ${says}`),
      silent('The logs') ? 'did not answer' : 'no line of it',
    ),
    ['trace', trace_ids.join(', ') || 'not sampled'],
  ];
}
