import { type SendMessageBatchCommand, SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { readBlueprint } from '../../local/cloudformation/blueprint.ts';
import { EventBus } from '../../local/eventbridge/event-bus.ts';
import { envelopeOf } from '../../local/eventbridge/event-envelope.ts';
import { minimalTemplate, synthesised } from './minimal-template.ts';

interface Sent {
  queue: string;
  body: string;
  attributes: Record<string, string | undefined>;
}

/** An SQS that fails as often as told, then takes what it is given. */
function fakeSqs(failures: Error[]) {
  const sent: Sent[] = [];
  let attempts = 0;
  const send = async (command: SendMessageBatchCommand | SendMessageCommand) => {
    const queue = command.input.QueueUrl!.split('/').at(-1)!;
    if (command instanceof SendMessageCommand) {
      const attributes = Object.fromEntries(
        Object.entries(command.input.MessageAttributes ?? {}).map(([name, { StringValue }]) => [name, StringValue]),
      );
      sent.push({ queue, body: command.input.MessageBody!, attributes });
      return {};
    }
    attempts += 1;
    const failure = failures.shift();
    if (failure) throw failure;
    const entries = (command as SendMessageBatchCommand).input.Entries!;
    for (const { MessageBody } of entries) sent.push({ queue, body: MessageBody!, attributes: {} });
    return { Successful: entries.map(({ Id }) => ({ Id, MessageId: `message-${Id}` })) };
  };
  return { sqs: { send } as unknown as SQSClient, sent, attempts: () => attempts };
}

const serverFault = () => Object.assign(new Error('try again'), { name: 'ServiceUnavailable', $fault: 'server' });
const noQueue = () => Object.assign(new Error('gone'), { name: 'QueueDoesNotExist', $fault: 'client' });

function busWith(sqs: SQSClient): EventBus {
  const { rules, queues } = readBlueprint(synthesised(minimalTemplate()), 'http://127.0.0.1:9');
  return new EventBus({ rules, queues, sqs, signal: new AbortController().signal });
}

const paid = () => envelopeOf('aws.partner/stripe.com/ed_x', 'invoice.paid', { id: 'evt_1' });

describe('the bus', () => {
  it('hands an event to the targets of the rules it matches, as EventBridge would write it', async () => {
    const { sqs, sent } = fakeSqs([]);
    const envelope = paid();
    const deliveries = await busWith(sqs).deliver([
      envelope,
      envelopeOf('aws.partner/stripe.com/ed_x', 'invoice.voided', {}),
    ]);
    expect(deliveries.map(({ outcome }) => outcome)).toEqual([{ messageId: 'message-0' }]);
    expect(sent).toEqual([{ queue: 'work', body: JSON.stringify(envelope), attributes: {} }]);
    expect(JSON.parse(sent[0]!.body)).toEqual({
      version: '0',
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      'detail-type': 'invoice.paid',
      source: 'aws.partner/stripe.com/ed_x',
      account: '000000000000',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      region: 'us-east-1',
      resources: [],
      detail: { id: 'evt_1' },
    });
  });

  it('tries again what failed for a moment', async () => {
    const { sqs, sent, attempts } = fakeSqs([serverFault(), serverFault()]);
    const deliveries = await busWith(sqs).deliver([paid()]);
    expect(deliveries[0]!.outcome).toEqual({ messageId: 'message-0' });
    expect([attempts(), sent.length]).toEqual([3, 1]);
  });

  it('gives up when the retries of the target are used up: dead-letter queue, with the reason', async () => {
    const { sqs, sent, attempts } = fakeSqs([serverFault(), serverFault(), serverFault()]);
    const envelope = paid();
    const deliveries = await busWith(sqs).deliver([envelope]);
    expect(deliveries[0]!.outcome).toEqual({ undelivered: 'ServiceUnavailable' });
    expect(attempts()).toBe(3);
    expect(sent).toEqual([
      {
        queue: 'stack-Undelivered',
        body: JSON.stringify(envelope),
        attributes: {
          RULE_ARN: 'arn:aws:events:us-east-1:000000000000:rule/billing-rule',
          TARGET_ARN: 'arn:aws:sqs:us-east-1:000000000000:work',
          ERROR_CODE: 'ServiceUnavailable',
          ERROR_MESSAGE: 'try again',
          RETRY_ATTEMPTS: '2',
          EXHAUSTED_RETRY_CONDITION: 'MaximumRetryAttempts',
        },
      },
    ]);
  });

  it('does not retry what no retry can help', async () => {
    const { sqs, sent, attempts } = fakeSqs([noQueue()]);
    await busWith(sqs).deliver([paid()]);
    expect(attempts()).toBe(1);
    expect(sent[0]).toMatchObject({
      queue: 'stack-Undelivered',
      attributes: { ERROR_CODE: 'QueueDoesNotExist', RETRY_ATTEMPTS: '0' },
    });
  });

  it('does not let the neighbours of a batch go down with the entry that SQS refuses it for', async () => {
    const { sqs, sent, attempts } = fakeSqs([noQueue(), noQueue()]);
    const deliveries = await busWith(sqs).deliver([paid(), paid(), paid()]);
    expect(deliveries.filter(({ outcome }) => 'messageId' in outcome)).toHaveLength(2);
    expect(sent.map(({ queue }) => queue).sort()).toEqual(['stack-Undelivered', 'work', 'work']);
    // The three together, then each on its own.
    expect(attempts()).toBe(4);
  });

  it('counts as undelivered what even the dead-letter queue refuses, and does not throw', async () => {
    const refuse = () => Promise.reject(noQueue());
    const deliveries = await busWith({ send: refuse } as unknown as SQSClient).deliver([paid()]);
    expect(deliveries.map(({ outcome }) => outcome)).toEqual([
      { undelivered: 'QueueDoesNotExist; its dead-letter queue did not take it: QueueDoesNotExist: gone' },
    ]);
  });

  it('writes the two characters that SQS refuses as the same JSON without them', async () => {
    const { sqs, sent } = fakeSqs([]);
    const detail = { name: 'a\uFFFEb\uFFFFc 😀' };
    await busWith(sqs).deliver([envelopeOf('aws.partner/stripe.com/ed_x', 'invoice.paid', detail)]);
    expect(sent[0]!.body).not.toMatch(/[\uFFFE\uFFFF]/);
    expect(JSON.parse(sent[0]!.body).detail).toEqual(detail);
  });

  it('sends at most ten at a time, in their order', async () => {
    const { sqs, sent, attempts } = fakeSqs([]);
    const envelopes = Array.from({ length: 25 }, paid);
    await busWith(sqs).deliver(envelopes);
    expect(attempts()).toBe(3);
    expect(sent.map(({ body }) => JSON.parse(body).id)).toEqual(envelopes.map(({ id }) => id));
  });
});
