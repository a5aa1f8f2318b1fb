import { DescribeArchiveCommand } from '@aws-sdk/client-eventbridge';
import { type EventStory, storyStore } from '../../adapters/postgres/story-store.ts';
import { workerOf } from '../../core/event-routes.ts';
import { readFact } from '../../core/stripe/read-fact.ts';
import { intakesOf } from '../../lib/outputs.ts';
import type { Ops } from '../cli/ops.ts';
import { Refusal } from '../cli/refusal.ts';
import type { Report } from '../cli/verb-report.ts';
import { type AuditedCopy, auditedCopies } from '../deployment/audited-events.ts';
import { queueDepth, workQueueUrls } from '../deployment/queue-depths.ts';
import { deadLettersOf, type LostMessage } from '../story/dead-letters-of.ts';
import { Sources, type Unseen } from '../story/sources.ts';
import { endedAs } from '../story/words.ts';
import { type EventLogLine, logLinesOf } from './log-lines-of.ts';

/** The event as Stripe keeps it (30 days), without its payload. */
export interface EventFoundAtStripe {
  type: string;
  /** ISO 8601. */
  created: string;
  livemode: boolean;
  api_version: string | null;
  /** Destinations that have not taken it yet. */
  pending: number;
  object_id: string | null;
  /** What our readers make of it today: nothing, a fact of this kind, or the reason why they cannot. */
  reads_as: string;
}

/** What an archive keeps; a single event cannot be looked up in it. */
export interface KeptArchive {
  name: string;
  state: string;
  keeps: string;
}

export interface EventPage {
  event_id: string;
  /** What became of it, in a sentence, and what to do. */
  says: string;
  do: string[];
  stripe: EventFoundAtStripe | null;
  /** Of each event source; without one that did not answer. */
  archives: KeptArchive[];
  audit: AuditedCopy[] | null;
  /** Messages in the queue of its worker; null: it has none, or SQS did not answer. */
  waiting: number | null;
  lost: LostMessage[];
  story: EventStory | null;
  log: EventLogLine[] | null;
  trace_ids: string[];
  unseen: Unseen[];
}

/** The audit writes within seconds; what was paused, later. Only around the arrival, for every object is read whole. */
const AUDITED_WITHIN_MS = 15 * 60_000;
/** When only Stripe says when it was: Stripe delivers late, and tries again. */
const DELIVERED_WITHIN_MS = 6 * 3_600_000;

/** All that is known of one event, from every source that answers. Changes nothing. */
export async function oneEvent(ops: Ops, id: string): Promise<Report<EventPage>> {
  const sources = new Sources(ops);
  const { outputs } = await ops.stack();
  const database = await sources.ask('The database', () => ops.database());
  try {
    const [story, stripe, archives, lost] = await Promise.all([
      database && sources.ask('The database', () => storyStore(database).storyOfEvent(id)),
      sources.ask('Stripe', () => eventAtStripe(ops, id)),
      Promise.all(
        intakesOf(outputs).map(({ archive: name }) =>
          sources.ask(`The archive ${name}`, () => archiveCalled(ops, name)),
        ),
      ),
      sources.ask('The dead-letter queues', () => deadLettersOf(ops, [id])),
    ]);
    const ledger = story?.ledger ?? null;
    const type = ledger?.type ?? stripe?.type ?? lost?.[0]?.event_type ?? null;
    const worker = type === null ? undefined : workerOf(type);
    const arrived = ledger ? new Date(ledger.arrived_at) : undefined;
    const since = arrived ?? (stripe ? new Date(stripe.created) : lost?.[0] && new Date(lost[0].since));
    const until = since && new Date(since.getTime() + (arrived ? AUDITED_WITHIN_MS : DELIVERED_WITHIN_MS));
    const [audit, log, waiting] = await Promise.all([
      since && until
        ? sources.ask('The audit bucket', () => auditedCopies(ops.aws.s3, outputs.AuditBucketName, id, since, until))
        : null,
      since ? sources.ask('The logs', () => logLinesOf(ops, id, worker, since)) : null,
      worker === undefined
        ? null
        : sources.ask('The work queues', async () => {
            const { waiting, in_flight } = await queueDepth(ops.aws.sqs, workQueueUrls(outputs)[worker]);
            return waiting + in_flight;
          }),
    ]);
    const page = {
      event_id: id,
      stripe: stripe ?? null,
      archives: archives.flatMap((one) => one ?? []),
      audit: audit ?? null,
      waiting,
      lost: lost ?? [],
      story,
      log,
      trace_ids: [...new Set((log ?? []).flatMap(({ trace_id }) => trace_id ?? []))],
      unseen: sources.unseen,
    };
    const { wrong, ...ending } = endOf(page, worker !== undefined, ops);
    return { data: { ...ending, ...page }, found: [...(wrong ? [ending.says] : []), ...sources.found] };
  } finally {
    await database?.end();
  }
}

async function archiveCalled(ops: Ops, name: string): Promise<KeptArchive> {
  const { State, RetentionDays } = await ops.aws.eventbridge.send(new DescribeArchiveCommand({ ArchiveName: name }));
  return { name, state: State ?? 'unknown', keeps: RetentionDays ? `${RetentionDays} days` : 'for ever' };
}

async function eventAtStripe(ops: Ops, id: string): Promise<EventFoundAtStripe | undefined> {
  const stripe = await ops.stripe();
  try {
    const event = await stripe.events.retrieve(id);
    const { id: object } = event.data.object as { id?: string };
    return {
      type: event.type,
      created: new Date(event.created * 1000).toISOString(),
      livemode: event.livemode,
      api_version: event.api_version,
      pending: event.pending_webhooks,
      object_id: object ?? null,
      reads_as: readingOf(ops, event),
    };
  } catch (error) {
    // Older than 30 days, or of another account or mode: an answer, not a failure.
    if ((error as { code?: string }).code === 'resource_missing') return undefined;
    throw error;
  }
}

function readingOf(ops: Ops, event: object): string {
  try {
    return readFact(event as never, ops.plans())?.kind ?? 'nothing that a plan is made of';
  } catch (error) {
    return `unreadable: ${(error as Error).message}`;
  }
}

/** What became of it: the first that is known. */
function endOf(
  { event_id, story, lost, stripe, audit, waiting, unseen }: Omit<EventPage, 'says' | 'do'>,
  routed: boolean,
  ops: Ops,
): { says: string; do: string[]; wrong: boolean } {
  const ledger = story?.ledger ?? null;
  const [letter] = lost;
  if (letter)
    return {
      says: `It was given up on: ${letter.reason}${letter.detail ? ` (${letter.detail})` : ''}, and lies in ${letter.queue}.`,
      do: [
        `Repair the cause (docs/runbooks/${letter.queue.endsWith('undelivered') ? 'undelivered' : 'failed'}.md), then:`,
        ops.lines.verb(`redrive --reason ${letter.reason} --apply`),
      ],
      wrong: true,
    };
  if (ledger?.outcome === 'parked')
    return {
      says: `It was parked (${ledger.reason}), and lies in no queue any more: discarded, or too old.`,
      do: [ops.lines.verb('reconcile'), 'compares what it was about with Stripe.'],
      wrong: true,
    };
  if (ledger) return { says: `It was settled: ${endedAs(ledger)}.`, do: [], wrong: false };
  if (unseen.some(({ source }) => source === 'The database'))
    return {
      says: 'The ledger cannot be read now; what the others say is below.',
      do: [ops.lines.verb('diagnose')],
      wrong: true,
    };
  if (!routed && (stripe || audit?.length))
    return { says: 'No worker takes events of its type; only the audit keeps them.', do: [], wrong: false };
  if (waiting)
    return {
      says: `It is not in the ledger; ${waiting} messages wait in its worker's queue, it may be among them.`,
      do: [ops.lines.verb('diagnose')],
      wrong: true,
    };
  if (audit?.length)
    return {
      says: 'It reached the bus and the audit, and no worker settled it.',
      do: [ops.lines.verb('diagnose'), 'docs/runbooks/events-lost.md'],
      wrong: true,
    };
  if (stripe)
    return {
      says: `Stripe has it, and it never reached the bus${stripe.pending > 0 ? ' (Stripe is still trying)' : ''}.`,
      do: [ops.lines.verb('reconcile --apply'), 'docs/runbooks/missed-events.md'],
      wrong: true,
    };
  throw new Refusal(
    'unknown_event',
    `Nobody knows ${event_id}: not the ledger, not Stripe (which keeps 30 days), no queue.`,
    'Check the id, and that --env is of the mode that it is from.',
  );
}
