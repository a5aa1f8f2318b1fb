import { paginateListObjectsV2 } from '@aws-sdk/client-s3';
import type { Ops } from '../cli/ops.ts';
import { toUserError } from '../cli/user-error.ts';
import { readAuditObject } from '../deployment/audited-events.ts';
import { destinationsOf } from '../destination/stripe-destination.ts';
import { lastEventAt } from '../status/status.ts';
import { type Check, ok, wrong } from './check.ts';

/** What `auditDrainSeconds` may be at most, and a cold function besides. */
const LONGEST_DRAIN_MS = 150_000;
/** Stripe says a ping arrives within seconds; then it waits for the audit's next drain, a minute by default. */
const PING_TIMEOUT_MS = 60_000 + LONGEST_DRAIN_MS;

/** Whether events flow: one was seen in the last `hours`, and with `ping`, one sent now comes out at the far end. */
export async function checkPath(ops: Ops, { hours, ping }: { hours: number; ping: boolean }): Promise<Check[]> {
  return [await checkLastEvent(ops, hours), ...(ping ? await checkPings(ops) : [])];
}

async function checkLastEvent(ops: Ops, hours: number): Promise<Check> {
  const last = await lastEventAt(ops);
  const since = ops.now().getTime() - hours * 3_600_000;
  if (last !== null && Date.parse(last) >= since) return ok('path.last_event', `The last event came at ${last}.`);
  return wrong(
    'path.last_event',
    `No event came in the last ${hours} hours${last === null ? '' : ` (the last at ${last})`}.`,
    `Normal before go-live: \`${ops.lines.verb('doctor --ping')}\` sends one. Else look at the destination above, and at the archive's event count.`,
  );
}

/** One by each destination that sends here. */
async function checkPings(ops: Ops): Promise<Check[]> {
  try {
    const destinations = await destinationsOf(ops);
    return await Promise.all(
      destinations.map(({ id }, index) => checkPing(ops, id, index === 0 ? 'path.ping' : 'path.ping.other')),
    );
  } catch (error) {
    return [cannotSay(ops, 'path.ping', false, error)];
  }
}

function cannotSay(ops: Ops, id: string, sent: boolean, error: unknown): Check {
  const refusal = toUserError(error, ops.lines);
  if (!refusal) throw error;
  const what = sent ? 'The ping was sent, and cannot be looked for' : 'No ping could be sent';
  return wrong(id, `${what}: ${refusal.message}`, refusal.fix);
}

/** Stripe → bus → audit rule → queue → function → bucket: the ping's own id must be found there. */
async function checkPing(ops: Ops, destination: string, id: string): Promise<Check> {
  let sent = false;
  try {
    const stripe = await ops.stripe();
    const sentAt = ops.now();
    const event = await stripe.v2.core.eventDestinations.ping(destination);
    sent = true;
    ops.say(`Stripe sent the ping ${event.id}; waiting for it in the audit bucket.`);
    const giveUpAt = sentAt.getTime() + PING_TIMEOUT_MS;
    while (ops.now().getTime() < giveUpAt) {
      if (await isAudited(ops, event.id, sentAt)) {
        return ok(
          id,
          `Stripe's ping came out at the far end, the audit bucket, after ${Math.round((ops.now().getTime() - sentAt.getTime()) / 1000)} s.`,
        );
      }
      await ops.sleep(2000);
    }
    return wrong(
      id,
      `Stripe's ping ${event.id} did not arrive in the audit bucket within ${PING_TIMEOUT_MS / 1000} s.`,
      `Look, in this order: the destination above, the bus's metrics, \`${ops.lines.verb('redrive')}\` for the audit queues, the log of the audit function.`,
    );
  } catch (error) {
    return cannotSay(ops, id, sent, error);
  }
}

async function isAudited(ops: Ops, eventId: string, since: Date): Promise<boolean> {
  const { outputs } = await ops.stack();
  // An object is named after its earliest envelope, which may lie in the hour before ours.
  for (const hour of [new Date(since.getTime() - LONGEST_DRAIN_MS), new Date(ops.now().getTime() + 60_000)]
    .map(folderOf)
    .filter((folder, index, all) => all.indexOf(folder) === index)) {
    for await (const { Contents = [] } of paginateListObjectsV2(
      { client: ops.aws.s3 },
      { Bucket: outputs.AuditBucketName, Prefix: hour },
    )) {
      for (const { Key, LastModified } of Contents) {
        if (Key === undefined || (LastModified && LastModified.getTime() < since.getTime() - 60_000)) continue;
        const envelopes = await readAuditObject(ops.aws.s3, outputs.AuditBucketName, Key);
        if (envelopes.some(({ line }) => line.includes(`"${eventId}"`))) return true;
      }
    }
  }
  return false;
}

const folderOf = (at: Date): string => `${at.toISOString().slice(0, 13).replaceAll('-', '/').replace('T', '/')}/`;
