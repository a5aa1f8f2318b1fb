import type pg from 'pg';
import { type Worker, workers } from '../../core/workers.ts';
import { envelope } from '../support/event-processor.ts';
import { subscriptionEvent } from '../support/stripe-samples.ts';
import { CANARY, SECRET } from './hostile-values.ts';
import { classes, type Hostile, hostileMessages } from './inputs.ts';
import { Random } from './random.ts';
import type { Line } from './running-function.ts';
import { startTarget } from './target.ts';

/** How hostile messages of one class ended; `stuck`, `unnamed` are defects. */
export interface Tally {
  tried: number;
  applied: number;
  /** `duplicate` and `stale`: nothing changed. */
  unchanged: number;
  ignored: number;
  /** In the failed queue, for a reason that names what is wrong. */
  parked: number;
  /** In the failed queue, for a reason that does not: a bug of ours, or a value that only the database refused. */
  unnamed: number;
  /** Given back at every attempt, or lost. */
  stuck: number;
}

export interface Findings {
  classes: Record<string, Tally>;
  /** A few of each defect, to be tried again. */
  examples: string[];
  /** Processes that ended, prototypes that were changed. */
  crashed: number;
  /** Shown or stored texts that hold a canary. */
  leaked: number;
  /** Healthy messages that were not applied at their first attempt, and customers that do not have the plan they should have. */
  disturbed: number;
  neighbours: number;
}

const HOSTILE_IN_A_BATCH = 8;
const ATTEMPTS = 5;
const EXAMPLES_OF_EACH = 5;

/**
 * Sends `runs` hostile messages, in batches that healthy ones share, to the functions that are deployed.
 *
 * Every part is well, so a message that is not settled at the fifth attempt would never be.
 * @param writerUrl connects as the handlers do; `admin` looks at what was stored
 */
export async function attack(writerUrl: string, admin: pg.Pool, runs: number, seed: number): Promise<Findings> {
  const findings: Findings = {
    classes: Object.fromEntries(Object.keys(classes).map((name) => [name, noTally()])),
    examples: [],
    crashed: 0,
    leaked: 0,
    disturbed: 0,
    neighbours: 0,
  };
  const example = (kind: string, text: string) => {
    const known = findings.examples.filter((other) => other.startsWith(kind)).length;
    if (known < EXAMPLES_OF_EACH) findings.examples.push(`${kind}: ${text.slice(0, 600)}`);
  };
  const lookFor = (marker: string) => (text: string) => {
    if (!text.includes(marker)) return;
    findings.leaked += 1;
    example('leaked', text.slice(Math.max(0, text.indexOf(marker) - 300)));
  };
  // The apps get their own user ids back, whatever those hold; personal data they do not.
  const target = await startTarget(writerUrl, lookFor(CANARY), lookFor(SECRET));
  const deliverBatch = async (worker: Worker, batch: Hostile[]) => {
    const healthy = worker === 'billing' ? nextHealthy(findings.neighbours) : [];
    findings.neighbours += healthy.length;
    const lines = await target.deliver(worker, [...healthy, ...batch.map(({ body }) => body)], ATTEMPTS);
    const beside = batch.map((message) => message.class).join(', ');
    for (const [first] of lines.slice(0, healthy.length)) {
      // The two of a customer are applied at once: whichever comes second finds the other or not.
      if (first?.outcome === 'applied' || first?.outcome === 'stale') continue;
      findings.disturbed += 1;
      example('disturbed', `${JSON.stringify(first)} beside ${beside}`);
    }
    for (const [index, message] of batch.entries())
      count(findings.classes[message.class]!, lines[healthy.length + index]!, (kind, line) =>
        example(kind, `${message.class}: ${JSON.stringify(line)} of ${message.body}`),
      );
  };
  try {
    // Both to their end: the parts must not be stopped under the one that goes on when the other fails.
    const ends = await Promise.allSettled(
      workers.map(async (worker, index) => {
        const messages = hostileMessages(new Random(seed + index), worker, Math.ceil(runs / workers.length));
        let batch: Hostile[] = [];
        for (const message of messages) {
          batch.push(message);
          if (batch.length < HOSTILE_IN_A_BATCH) continue;
          await deliverBatch(worker, batch);
          batch = [];
        }
        if (batch.length > 0) await deliverBatch(worker, batch);
      }),
    );
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
    findings.crashed = target.crashes().length;
    for (const crash of target.crashes()) example('crashed', crash);
    await judgeDatabase(admin, findings, example);
  } finally {
    await target.close();
  }
  return findings;
}

const noTally = (): Tally => ({ tried: 0, applied: 0, unchanged: 0, ignored: 0, parked: 0, unnamed: 0, stuck: 0 });

function count(tally: Tally, lines: Line[], example: (kind: string, line: unknown) => void): void {
  tally.tried += 1;
  const last = lines.at(-1);
  const outcome = last?.message === 'event settled' ? last.outcome! : 'stuck';
  if (outcome === 'stuck') {
    tally.stuck += 1;
    example('stuck', last);
  } else if (outcome === 'parked' && /^(handler_bug|database_)/.test(last!.reason ?? '')) {
    tally.unnamed += 1;
    example('unnamed', last);
  } else if (outcome === 'parked') tally.parked += 1;
  else if (outcome === 'ignored') tally.ignored += 1;
  else if (outcome === 'applied' || outcome === 'refetched') tally.applied += 1;
  else tally.unchanged += 1;
}

/** Two a batch: the life of a customer who subscribes, then upgrades. Message 2n and 2n+1 are customer n's. */
function nextHealthy(sent: number): string[] {
  const n = sent / 2;
  const of = { id: `sub_ok${n}`, customer: `cus_ok${n}`, metadata: { user_id: `ok${n}` } };
  return [
    subscriptionEvent(`evt_ok${n}a`, 'created', 1_795_000_000, { ...of, price: 'price_premium_monthly_eur' }),
    subscriptionEvent(`evt_ok${n}b`, 'updated', 1_795_000_100, { ...of, price: 'price_premium_plus_monthly_eur' }),
  ].map((event) => envelope({ ...event, livemode: true }));
}

async function judgeDatabase(
  admin: pg.Pool,
  findings: Findings,
  example: (kind: string, text: string) => void,
): Promise<void> {
  const { rows } = await admin.query(
    `select customer_id, plan_id, user_id, status from billing.subscriptions where subscription_id like 'sub\\_ok%'`,
  );
  const right = rows.filter(
    ({ plan_id, user_id, status, customer_id }) =>
      plan_id === 'premium_plus' && status === 'active' && customer_id === `cus_${user_id}`,
  );
  const wrong = findings.neighbours / 2 - right.length;
  findings.disturbed += wrong;
  if (wrong > 0)
    example(
      'disturbed',
      `${wrong} customers without their plan, for example ${JSON.stringify(rows.find((row) => !right.includes(row)))}`,
    );
  const tables = await admin.query(
    `select relname from pg_class where relnamespace = 'billing'::regnamespace and relkind = 'r'`,
  );
  for (const { relname } of tables.rows) {
    const stored = await admin.query(
      `select t::text as row from billing.${relname} t where position($1 in t::text) > 0`,
      [SECRET],
    );
    findings.leaked += stored.rows.length;
    for (const { row } of stored.rows.slice(0, EXAMPLES_OF_EACH)) example('leaked', `billing.${relname}: ${row}`);
  }
}

/** What was found, as a table that stands in docs/security.md. */
export function describeFindings(findings: Findings): string {
  const columns = ['tried', 'applied', 'unchanged', 'ignored', 'parked', 'unnamed', 'stuck'] as const;
  const all = Object.values(findings.classes).reduce((sum, tally) => {
    for (const column of columns) sum[column] += tally[column];
    return sum;
  }, noTally());
  const row = (name: string, tally: Tally) => `| ${name} | ${columns.map((column) => tally[column]).join(' | ')} |`;
  return [
    `| class of inputs | ${columns.join(' | ')} |`,
    `|---|${columns.map(() => '--:').join('|')}|`,
    ...Object.entries(findings.classes).map(([name, tally]) => row(name, tally)),
    row('**all**', all),
    '',
    `stuck ${all.stuck}, unnamed ${all.unnamed}, crashed ${findings.crashed}, leaked ${findings.leaked}, neighbours disturbed ${findings.disturbed} of ${findings.neighbours}`,
  ].join('\n');
}

/** Whether an input did harm. */
export const isHarmed = (findings: Findings): boolean =>
  findings.crashed + findings.leaked + findings.disturbed > 0 ||
  Object.values(findings.classes).some(({ stuck, unnamed }) => stuck + unnamed > 0);
