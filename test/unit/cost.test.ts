import { choices, costLines, type Optional, totalOf } from '../../bench/cost/cost.ts';
import { alone, inTens, type PerEvent } from '../../bench/cost/measured.ts';

/** The arithmetic of `npm run cost`, on figures that can be done in the head. */

const noStack = { alarmMetrics: 0, compositeAlarms: 0, dashboards: 0 };
const bill = (per: PerEvent, eventsPerMonth: number, having: Optional[] = [], stack = noStack) =>
  new Map(costLines(per, { eventsPerMonth, having }, stack).map((line) => [line.service, line]));

it('counts one event at a time, a million a month', () => {
  const lines = bill(
    { ...alone, planEvents: 0.5, workerMs: 30, workerLogBytes: 1000, idempotencyRecordBytes: 0 },
    1_000_000,
  );
  // 1.5 million events at 1 USD.
  expect(lines.get('EventBridge: events')!.perEvent).toBeCloseTo(1.5, 6);
  // Sent, received, deleted: 3 million requests at 0.40.
  expect(lines.get('SQS: work queues')!.perEvent).toBeCloseTo(1.2, 6);
  // A million requests 0.20; 30,000 s × 0.5 GB × 0.0000133334.
  expect(lines.get('Lambda: workers, reconcile')!.perEvent).toBeCloseTo(0.2 + 0.200001, 6);
  // 2 million writes at 0.625.
  expect(lines.get('DynamoDB')!.perEvent).toBeCloseTo(1.25, 6);
  // 1 GB taken in at 0.50, four such months kept at 0.03.
  expect(lines.get('CloudWatch Logs')!.perEvent).toBeCloseTo(0.62, 6);
});

it('divides by ten what a batch of ten shares', () => {
  const lines = bill({ ...inTens, workerMs: 100 }, 1_000_000);
  // A million sent, 100,000 received, 100,000 deleted.
  expect(lines.get('SQS: work queues')!.perEvent).toBeCloseTo(0.48, 6);
  // 100,000 requests 0.02; 10,000 s × 0.5 GB.
  expect(lines.get('Lambda: workers, reconcile')!.perEvent).toBeCloseTo(0.02 + 0.066667, 6);
});

it('writes the audit by the minute, and fewer objects than minutes when fewer events come', () => {
  const quiet = { ...alone, auditObjectBytes: 0 };
  // 43,200 PUTs at 5 USD a million.
  expect(bill(quiet, 1_000_000, ['audit']).get('S3: audit')!.perEvent).toBeCloseTo(0.216, 6);
  expect(bill(quiet, 1_000, ['audit']).get('S3: audit')!.perEvent).toBeCloseTo(0.005, 6);
  // A million sent; 432,000 received, hidden and received again with those behind them; 43,200 that find nothing; 100,000 removals, at 0.50.
  expect(bill(quiet, 1_000_000, ['audit']).get('SQS FIFO: audit')!.perEvent).toBeCloseTo(1.2196, 6);
  // A thousand sent, received, hidden, received again; as often nothing found, as often removed.
  expect(bill(quiet, 1_000, ['audit']).get('SQS FIFO: audit')!.perEvent).toBeCloseTo(0.003, 6);
  // A hundred events an object: 10,000 PUTs.
  expect(bill({ ...inTens, auditObjectBytes: 0 }, 1_000_000, ['audit']).get('S3: audit')!.perEvent).toBeCloseTo(
    0.05,
    6,
  );
});

it('counts what lies in archive, audit bucket and log for as many months as are asked for', () => {
  const of = (monthsKept: number) =>
    costLines(
      { ...inTens, envelopeBytes: 1000, auditObjectBytes: 100, workerLogBytes: 1000, auditLogBytes: 0 },
      { eventsPerMonth: 1_000_000, having: ['archive', 'audit'], monthsKept },
      noStack,
    );
  const perEvent = (monthsKept: number, service: string) =>
    of(monthsKept).find((line) => line.service === service)!.perEvent;
  // 1 GB at 0.10, and one or twelve of them kept at 0.023.
  expect(perEvent(1, 'EventBridge: archive')).toBeCloseTo(0.123, 6);
  expect(perEvent(12, 'EventBridge: archive')).toBeCloseTo(0.376, 6);
  // 10,000 PUTs at 5 USD a million, and a tenth of a GB or twelve of them.
  expect(perEvent(1, 'S3: audit')).toBeCloseTo(0.0523, 6);
  expect(perEvent(12, 'S3: audit')).toBeCloseTo(0.0776, 6);
  // 1 GB at 0.50, and one or four of them kept at 0.03: lines go after four months.
  expect(perEvent(1, 'CloudWatch Logs')).toBeCloseTo(0.53, 6);
  expect(perEvent(12, 'CloudWatch Logs')).toBeCloseTo(0.62, 6);
});

it('leaves out what a deployment has not, and counts the key, the alarms and the archive where it has', () => {
  expect([...bill(alone, 1).keys()].join()).not.toMatch(/audit|archive|X-Ray|KMS/);
  // 1 USD the key, 0.1 million requests at 3.
  expect(bill(alone, 1, ['key']).get('KMS')!.fixed).toBeCloseTo(1.3, 6);
  // 1 GB at 0.10, and a year's twelve of them kept at 0.023.
  expect(
    bill({ ...alone, envelopeBytes: 1000 }, 1_000_000, ['archive']).get('EventBridge: archive')!.perEvent,
  ).toBeCloseTo(0.376, 6);
  // Every second invocation of a million, at 5 USD.
  expect(bill({ ...alone, traced: 0.5 }, 1_000_000, ['traces']).get('X-Ray')!.perEvent).toBeCloseTo(2.5, 6);
  // 10 × 0.10, 2 × 0.50, 3.00, and 29 metrics of our own at 0.30.
  const stack = { alarmMetrics: 10, compositeAlarms: 2, dashboards: 1 };
  expect(bill(alone, 1, [], stack).get('CloudWatch: alarms, metrics, dashboard')!.fixed).toBeCloseTo(13.7, 6);
});

it('says what each choice of how it runs would change', () => {
  const [everyObject, platformLines, window] = choices.map(({ change }) => change);
  const objects = bill({ ...everyObject!(alone, 1_000_000), auditObjectBytes: 0 }, 1_000_000, ['audit']);
  // A million PUTs at 5 USD a million; nothing is hidden: 3 million requests at 0.50.
  expect(objects.get('S3: audit')!.perEvent).toBeCloseTo(5, 6);
  expect(objects.get('SQS FIFO: audit')!.perEvent).toBeCloseTo(1.5, 6);
  expect(everyObject!(inTens, 1_000_000).auditObjects).toBe(0.1);
  expect(platformLines!({ ...alone, workerLogBytes: 1000 }, 1).workerLogBytes).toBe(1650);
  expect(platformLines!({ ...inTens, workerLogBytes: 1000 }, 1).workerLogBytes).toBe(1065);
  // 5,184,000 a month are two a second, one for each worker: each waits for one more.
  expect(window!(alone, 5_184_000).batch).toBe(2);
  // A ninth of the way from 24 ms for one to 60 for ten.
  expect(window!({ ...alone, workerMs: 24 }, 5_184_000).workerMs).toBe(28);
  expect(window!(alone, 1_000_000_000).batch).toBe(10);
  expect(window!(inTens, 1_000_000)).toEqual(inTens);
});

it('adds up', () => {
  expect(
    totalOf([
      { service: 'a', perEvent: 1, fixed: 2 },
      { service: 'b', perEvent: 10, fixed: 20 },
    ]),
  ).toEqual({ perEvent: 11, fixed: 22 });
});
