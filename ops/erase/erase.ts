import { DescribeArchiveCommand } from '@aws-sdk/client-eventbridge';
import type pg from 'pg';
import { intakesOf, type StackOutputs } from '../../lib/outputs.ts';
import type { Ops } from '../cli/ops.ts';
import { Refusal } from '../cli/refusal.ts';
import type { Change } from '../cli/verb-report.ts';
import { ifThere } from '../deployment/not-there.ts';
import { asOwner, ownerOptions, placeOf } from '../deployment/owner-database.ts';
import { deadLetterQueues, queueDepth, workQueueUrls } from '../deployment/queue-depths.ts';
import { stripeListsFor } from '../deployment/stripe-lists.ts';
import { eraseVersion, type KeptVersion, searchAudit, type TellingVersion } from './audit-versions.ts';
import type { Person } from './erased-line.ts';

export interface ErasePlan {
  customer_id: string;
  /** What stands for the customer from then on. */
  pseudonym: string;
  /** When an erasure of this customer was begun before; null: never. */
  erased_before: string | null;
  database: string;
  /** User ids that go with it. */
  users: string[];
  /** User ids that other customers have, too, and that stay with those. */
  shared_users: string[];
  /** How many rows name the customer or those users, by table. */
  rows: Record<string, number>;
  audit: { versions_read: number; versions: TellingVersion[] };
  archives: Archive[];
  at_stripe: 'deleted' | 'there' | 'unknown';
  /** Messages in queues, whoever they are about. */
  queued: number;
}

/** What cannot be erased: one event cannot be taken out of an archive of EventBridge. Each event source has one. */
interface Archive {
  name: string;
  /** null: for good. */
  retention_days: number | null;
  /** Until when it holds the customer's last event that we know of; null: for good, or there is none. */
  until: string | null;
}

export interface EraseResult {
  pseudonym: string;
  rows_changed: Record<string, number>;
  objects_rewritten: number;
  versions_deleted: number;
  versions_kept: KeptVersion[];
  /** Found by reading everything again. All empty: it is done. */
  left: { rows: Record<string, number>; versions: TellingVersion[] };
  archives: Archive[];
}

/** What the database answers (`billing.person_of`). */
interface Held {
  pseudonym: string;
  erased_at: string | null;
  users: string[];
  shared_users: string[];
  running: string[];
  last_event: string | null;
  object_ids: string[];
}

/** Each round reads the bucket once; what a round learns, the next one looks for. Ids lead from one to another two or three times. */
const MOST_ROUNDS = 5;
const DAY_MS = 24 * 3_600_000;

/**
 * Takes a customer's person out of Postgres and the audit bucket, then reads both again: what is left is the report, and makes the exit code 1.
 *
 * The rows first, and with them the mark that keeps later events and replays from bringing the person back; then the audit objects, in
 * rounds until a round finds nothing. Stopped anywhere, the next run goes on.
 */
export async function planErase(
  ops: Ops,
  customer: string,
  databaseUrl: string | undefined,
): Promise<Change<ErasePlan, EraseResult>> {
  const options = ownerOptions(databaseUrl, ops.databaseCa, 'Erasing needs');
  const { outputs } = await ops.stack();
  const bucket = { s3: ops.aws.s3, bucket: outputs.AuditBucketName, say: ops.say };
  const { held, rows } = await asOwner(options, async (client) => {
    const held = await call<Held>(client, 'person_of($1)', customer);
    return { held, rows: await rowsLeft(client, customer, held) };
  });
  if (held.running.length > 0) {
    throw new Refusal(
      'still_running',
      `${held.running.join(', ')} of ${customer} still runs: somebody would pay for what nobody can use.`,
      'Cancel it (or delete the customer) at Stripe, wait until its event has arrived, then erase.',
    );
  }
  const person = personOf(customer, held);
  const audit = await searchAudit(bucket, person);
  const archives = await archivesOf(ops, outputs, held.last_event);
  const plan: ErasePlan = {
    customer_id: customer,
    pseudonym: held.pseudonym,
    erased_before: held.erased_at,
    database: placeOf(options),
    users: held.users.filter((user) => !held.shared_users.includes(user)),
    shared_users: held.shared_users,
    rows,
    audit: { versions_read: audit.versions_read, versions: audit.found },
    archives,
    at_stripe: await atStripe(ops, customer),
    queued: await queued(ops, outputs),
  };
  const objects = new Set(audit.found.map(({ key }) => key)).size;
  return {
    plan,
    steps: [
      ...(held.erased_at === null || Object.keys(rows).length > 0
        ? [
            `Take the person out of ${sum(rows)} rows, and mark ${customer} so that no later event and no replay brings them back.`,
          ]
        : []),
      ...(audit.found.length > 0
        ? [
            `Write ${objects} audit objects anew without the person, and delete the ${audit.found.length} versions that tell of them.`,
          ]
        : []),
      ...(audit.found.length > 0 || held.erased_at === null || Object.keys(rows).length > 0
        ? ['Read all rows and all versions again, and report what is left.']
        : []),
    ],
    warnings: warningsOf(plan),
    confirm: { question: `What is erased cannot be brought back (${placeOf(options)}).`, answer: customer },
    async act() {
      const rows_changed = await asOwner(options, (client) =>
        call<Record<string, number>>(client, 'erase_person($1)', customer),
      );
      ops.say(`${sum(rows_changed)} rows changed.`);
      const at = ops.now().toISOString();
      const rewritten = new Set<string>();
      const kept = new Map<string, KeptVersion>();
      let versions_deleted = 0;
      let known: Person = { ...person, ids: new Set([...person.ids, ...audit.learned]) };
      let search = await searchAudit(bucket, known);
      for (let round = 1; round <= MOST_ROUNDS; round++) {
        const open = search.found.filter(({ key, version_id }) => !kept.has(`${key} ${version_id}`));
        for (const version of open) {
          const reason = await eraseVersion(bucket, version, known, at);
          if (version.latest) rewritten.add(version.key);
          if (reason === null) versions_deleted += 1;
          else kept.set(`${version.key} ${version.version_id}`, reason);
        }
        if (open.length === 0 && search.learned.length === 0) break;
        known = { ...known, ids: new Set([...known.ids, ...search.learned]) };
        search = await searchAudit(bucket, known);
      }
      const left = {
        rows: await asOwner(options, (client) => rowsLeft(client, customer, held)),
        versions: search.found,
      };
      const result: EraseResult = {
        pseudonym: held.pseudonym,
        rows_changed,
        objects_rewritten: rewritten.size,
        versions_deleted,
        versions_kept: [...kept.values()],
        left,
        archives,
      };
      return { data: result, found: foundIn(result) };
    },
  };
}

function personOf(customer: string, { pseudonym, object_ids }: Held): Person {
  return { customer_id: customer, pseudonym, ids: new Set([customer, ...object_ids]) };
}

const rowsLeft = (
  client: pg.Client,
  customer: string,
  { users, shared_users }: Held,
): Promise<Record<string, number>> =>
  call(
    client,
    'rows_naming($1, $2)',
    customer,
    users.filter((user) => !shared_users.includes(user)),
  );

async function call<T>(client: pg.Client, sql: string, ...values: unknown[]): Promise<T> {
  const { rows } = await client.query(`select billing.${sql} as answer`, values);
  return rows[0].answer;
}

/** Of every event source; one that somebody deleted keeps nothing. */
async function archivesOf(ops: Ops, outputs: StackOutputs, lastEvent: string | null): Promise<Archive[]> {
  const archives = intakesOf(outputs).map(async ({ archive: name }): Promise<Archive[]> => {
    const found = await ifThere(ops.aws.eventbridge.send(new DescribeArchiveCommand({ ArchiveName: name })));
    if (found === null) return [];
    const { RetentionDays = 0 } = found;
    const until = new Date(Date.parse(lastEvent ?? '') + RetentionDays * DAY_MS);
    return [
      {
        name,
        retention_days: RetentionDays === 0 ? null : RetentionDays,
        until: RetentionDays === 0 || lastEvent === null ? null : until.toISOString(),
      },
    ];
  });
  return (await Promise.all(archives)).flat();
}

async function atStripe(ops: Ops, customer: string): Promise<ErasePlan['at_stripe']> {
  try {
    const [found] = (await (await stripeListsFor(ops)).one('customer', customer)).items;
    return found === undefined || found.deleted === true ? 'deleted' : 'there';
  } catch (error) {
    // Whoever erases need not hold a Stripe key; the plan says that nobody looked.
    if (error instanceof Refusal) return 'unknown';
    throw error;
  }
}

async function queued(ops: Ops, outputs: Parameters<typeof workQueueUrls>[0]): Promise<number> {
  const urls = [...Object.values(workQueueUrls(outputs)), ...deadLetterQueues(outputs).map(({ url }) => url)];
  const depths = await Promise.all(urls.map((url) => queueDepth(ops.aws.sqs, url)));
  return depths.reduce((total, { waiting, in_flight }) => total + waiting + in_flight, 0);
}

function warningsOf({ at_stripe, archives, queued, shared_users, audit }: ErasePlan): string[] {
  const locked = audit.versions.filter(({ lock }) => lock?.mode === 'COMPLIANCE').length;
  return [
    ...(at_stripe === 'there'
      ? [
          'Stripe still has the customer. Delete or redact them there first: what Stripe sends afterwards is audited and archived in full.',
        ]
      : at_stripe === 'unknown'
        ? [
            'Nobody looked whether Stripe still has the customer: there is no Stripe key. Delete or redact them there first.',
          ]
        : []),
    ...(queued > 0
      ? [
          `${queued} messages lie in queues. If one is about them, it is audited after this: let the queues run empty, or erase again.`,
        ]
      : []),
    ...(shared_users.length > 0
      ? [`${shared_users.join(', ')} has other customers: erase those, too, if the whole person is meant.`]
      : []),
    ...(locked > 0 ? [`${locked} versions are under a compliance lock: nobody can delete them before it ends.`] : []),
    ...archives.map(({ name, retention_days }) =>
      retention_days === null
        ? `The archive ${name} keeps every event for good: set archiveRetentionDays, or they stay.`
        : `The archive ${name} keeps each event for ${retention_days} days; one event cannot be taken out.`,
    ),
    'Deleting a locked version needs s3:BypassGovernanceRetention; a rewritten object begins its retention anew.',
  ];
}

function foundIn({ left, versions_kept }: EraseResult): string[] {
  const denied = versions_kept.filter(({ because }) => because === 'access_denied').length;
  const locked = versions_kept.filter(({ because }) => because === 'compliance_lock');
  const other = left.versions.length - versions_kept.length;
  return [
    ...(sum(left.rows) > 0
      ? [`${sum(left.rows)} rows still name the person: ${Object.keys(left.rows).join(', ')}.`]
      : []),
    ...(denied > 0
      ? [
          `${denied} old versions were not deleted, S3 refused: it needs s3:DeleteObjectVersion and, in prod, s3:BypassGovernanceRetention. Run it again as who has both.`,
        ]
      : []),
    ...(locked.length > 0
      ? [
          `${locked.length} old versions stay until their compliance lock ends, the last on ${locked
            .map(({ until }) => until ?? '')
            .sort()
            .at(-1)!
            .slice(0, 10)}. Run it again then.`,
        ]
      : []),
    ...(other > 0 ? [`${other} versions still tell of the person: events are arriving. Run it again.`] : []),
  ];
}

const sum = (counts: Record<string, number>): number => Object.values(counts).reduce((total, one) => total + one, 0);
