import type { SQSRecord } from 'aws-lambda';
import { PipelineError, UnreadableEvent } from '../../core/errors.ts';
import { pauseBefore, processBatch } from '../../pipeline/process-batch.ts';

const record = (messageId: string, attempt = 1) =>
  ({ messageId, body: messageId, attributes: { ApproximateReceiveCount: String(attempt) } }) as unknown as SQSRecord;

function run(failures: Record<string, unknown>, queues = {}) {
  const seen: unknown[] = [];
  const note = (what: string) => async (message: SQSRecord, more: unknown) =>
    void seen.push([what, message.messageId, more instanceof PipelineError ? more.code : more]);
  const report = {
    settled: () => {},
    parked: () => {},
    deferred: (message: SQSRecord, error: PipelineError) =>
      void seen.push(['deferred because', message.messageId, error.code]),
  };
  const answer = processBatch(
    ['a', 'b', 'c'].map((id) => record(id)),
    {} as never,
    async ({ messageId }) => {
      if (failures[messageId]) throw failures[messageId];
      return {} as never;
    },
    { defer: note('deferred'), park: note('parked'), ...queues } as never,
    report,
  );
  return answer.then((response) => ({ response, seen }));
}

it('gives back only what may heal, and parks only what never will', async () => {
  const { response, seen } = await run({
    a: new PipelineError('database_08006', 'later', 'down'),
    b: new UnreadableEvent('no'),
  });
  expect(response).toEqual({ batchItemFailures: [{ itemIdentifier: 'a' }] });
  expect(seen).toEqual(
    expect.arrayContaining([
      ['deferred', 'a', expect.any(Number)],
      ['parked', 'b', 'unreadable_event'],
      ['deferred because', 'a', 'database_08006'],
    ]),
  );
});

it('parks a bug of ours under a reason of its own, and its neighbours succeed', async () => {
  const { response, seen } = await run({ b: new TypeError("Cannot read properties of undefined (reading 'x')") });
  expect(response).toEqual({ batchItemFailures: [] });
  expect(seen).toEqual([['parked', 'b', 'handler_bug']]);
});

it('gives a message back when the failed queue does not take it', async () => {
  const { response, seen } = await run(
    { b: new UnreadableEvent('no') },
    {
      park: async () => {
        throw new Error('down');
      },
    },
  );
  expect(response).toEqual({ batchItemFailures: [{ itemIdentifier: 'b' }] });
  expect(seen).toContainEqual(['deferred because', 'b', 'failed_queue_unavailable']);
});

it('names what kept a message from being parked: the database that could not note it, not the failed queue', async () => {
  const { seen } = await run(
    { b: new UnreadableEvent('no') },
    {
      park: async () => {
        throw new PipelineError('database_08006', 'later', 'down');
      },
    },
  );
  expect(seen).toContainEqual(['deferred because', 'b', 'database_08006']);
});

it('gives a message back even when its pause cannot be set', async () => {
  const { response } = await run(
    { b: new PipelineError('x', 'later', 'x') },
    {
      defer: async () => {
        throw new Error('down');
      },
    },
  );
  expect(response).toEqual({ batchItemFailures: [{ itemIdentifier: 'b' }] });
});

it('waits longer each time, at most a quarter of an hour', () => {
  expect([1, 2, 5, 9, 10, 200].map((attempt) => pauseBefore(attempt, () => 0))).toEqual([2, 4, 32, 512, 900, 900]);
  expect(pauseBefore(10, () => 0.999)).toBe(675);
});
