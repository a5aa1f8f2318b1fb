import { readBlueprint } from '../../local/cloudformation/blueprint.ts';
import { MetricStore } from '../../local/cloudwatch/metric-store.ts';
import { EventTally } from '../../local/event-tally.ts';
import { LiveFeed } from '../../local/http/live-feed.ts';
import { InvocationReader } from '../../local/lambda/invocation-reader.ts';
import { queueConsumers } from '../../local/lambda/queue-consumers.ts';
import { minimalTemplate, synthesised } from './minimal-template.ts';

function reader() {
  const tally = new EventTally();
  const complaints: string[] = [];
  const feed = new LiveFeed();
  const read = new InvocationReader({
    tally,
    metrics: new MetricStore(),
    feed,
    complain: (text) => complaints.push(text),
  });
  const [consumer] = queueConsumers(readBlueprint(synthesised(minimalTemplate()), 'http://127.0.0.1:9'));
  return { tally, complaints, feed, read, consumer: consumer! };
}

const message = (body: string) => ({ MessageId: 'm1', Body: body });
const body = JSON.stringify({ 'detail-type': 'invoice.paid', detail: { id: 'evt_1' } });

it('complains about a function that says done and logs nothing, counts it, and goes on', () => {
  const { tally, complaints, read, consumer } = reader();
  tally.sent('m1', { kind: 'worker', replayName: undefined });
  read.read(consumer, [message(body)], { lines: [], milliseconds: 1, outcome: { result: null } }, [message(body)]);
  expect([tally.unexplained, tally.idle]).toEqual([1, true]);
  expect(complaints).toEqual([expect.stringMatching(/^worker said that it is done with evt_1 \(invoice\.paid\), but/)]);
});

it.each([
  ['another outcome than there is', '{"message":"event settled","sqs_message_id":"m1","outcome":"toString"}'],
  ['half a line', '{"message":"event settled","sqs_mess'],
])('takes %s for no word on the outcome', (_what, line) => {
  const { tally, read, consumer } = reader();
  read.read(consumer, [message(body)], { lines: [line], milliseconds: 1, outcome: { result: null } }, [message(body)]);
  expect(tally.unexplained).toBe(1);
});

it('counts apart what a function queued itself: it never was posted', () => {
  const { tally, read, consumer } = reader();
  const line = '{"message":"event settled","sqs_message_id":"m1","outcome":"refetched"}';
  const queued = message(JSON.stringify({ origin: 'reconcile', detail: { id: 'reconcile_1' } }));
  read.read(consumer, [queued], { lines: [line], milliseconds: 1, outcome: { result: null } }, [queued]);
  expect([tally.outcomes.refetched, tally.repairs.refetched]).toEqual([0, 1]);
});

it('takes a message that is no envelope', () => {
  const { tally, read, consumer } = reader();
  const line = '{"message":"event settled","sqs_message_id":"m1","outcome":"parked","reason":"unreadable_event"}';
  for (const text of ['no JSON', 'null', '[]'])
    read.read(consumer, [message(text)], { lines: [line], milliseconds: 1, outcome: { result: null } }, [
      message(text),
    ]);
  expect(tally.outcomes.parked).toBe(1);
});
