import { CreateBucketCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { buildApp } from 'fauxqs';
import { auditQueue } from '../../adapters/aws/audit-queue.ts';
import { auditStore } from '../../adapters/aws/audit-store.ts';
import { readAuditObject } from '../../ops/deployment/audited-events.ts';
import { drainAuditQueue } from '../../pipeline/drain-audit-queue.ts';

/** The audit's drain on a real FIFO queue and a real bucket (fauxqs). */

const server = buildApp({ logger: false, defaultRegion: 'us-east-1' });
let sqs: SQSClient;
let s3: S3Client;
let url: string;
const GROUPS = 10;

beforeAll(async () => {
  const endpoint = await server.listen({ port: 0, host: '127.0.0.1' });
  const config = { endpoint, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } };
  sqs = new SQSClient(config);
  s3 = new S3Client({ ...config, forcePathStyle: true });
  await s3.send(new CreateBucketCommand({ Bucket: 'audit' }));
});
afterAll(async () => {
  sqs.destroy();
  s3.destroy();
  await server.close();
});
let made = 0;
beforeEach(async () => {
  const Attributes = { FifoQueue: 'true', VisibilityTimeout: '60', ContentBasedDeduplication: 'true' };
  url = (await sqs.send(new CreateQueueCommand({ QueueName: `audit-${++made}.fifo`, Attributes }))).QueueUrl!;
});

let arrived = 0;
async function arrive(count: number): Promise<void> {
  for (let first = 0; first < count; first += 10) {
    const Entries = Array.from({ length: Math.min(10, count - first) }, (_, index) => ({
      Id: String(index),
      MessageGroupId: `group-${(first + index) % GROUPS}`,
      MessageBody: JSON.stringify({
        id: `${made}-${arrived++}`,
        time: '2026-11-20T10:00:00Z',
        'detail-type': 'charge.succeeded',
      }),
    }));
    await sqs.send(new SendMessageBatchCommand({ QueueUrl: url, Entries }));
  }
}
/** As Lambda hands them over. */
const handedOver = async () =>
  ((await sqs.send(new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: 10 }))).Messages ?? []).map(
    ({ MessageId, ReceiptHandle, Body }) => ({ messageId: MessageId!, receiptHandle: ReceiptHandle!, body: Body! }),
  );
const partsFor = (bucket: string) => ({
  ...auditQueue(sqs, url),
  write: auditStore(s3, bucket).put,
  written: () => {},
  timeLeftMs: () => 20_000,
});
const inQueue = async () => {
  const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['All'] }));
  return [Attributes?.ApproximateNumberOfMessages, Attributes?.ApproximateNumberOfMessagesNotVisible].map(Number);
};
async function audited(): Promise<{ objects: number; ids: string[] }> {
  const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: 'audit' }));
  const lines = (await Promise.all(Contents.map(({ Key }) => readAuditObject(s3, 'audit', Key!)))).map((object) =>
    object.map(({ id }) => id).filter((id) => id.startsWith(`${made}-`)),
  );
  return { objects: lines.filter(({ length }) => length > 0).length, ids: lines.flat() };
}

it('writes what waits beside the batch into the same object', async () => {
  await arrive(3);
  const batch = await handedOver();
  await arrive(10);
  await drainAuditQueue(partsFor('audit'), batch);
  // Three groups had messages in hand: fauxqs, as SQS, gives no more of those.
  const { objects, ids } = await audited();
  expect([objects, ids.length]).toEqual([1, 10]);
  expect(await inQueue()).toEqual([3, 0]);
});

it('writes each of 120 events of ten groups once, and empties the queue', async () => {
  await arrive(120);
  for (let batch = await handedOver(); batch.length > 0; batch = await handedOver())
    await drainAuditQueue(partsFor('audit'), batch);
  const { ids } = await audited();
  expect([ids.length, new Set(ids).size]).toEqual([120, 120]);
  expect(await inQueue()).toEqual([0, 0]);
});

it('leaves everything in the queue while the bucket refuses', async () => {
  await arrive(30);
  await expect(drainAuditQueue(partsFor('nowhere'), await handedOver())).rejects.toThrow();
  expect((await inQueue()).reduce((sum, one) => sum + one)).toBe(30);
});

it('hides what waits for company, and its group with it', async () => {
  await arrive(1);
  const batch = await handedOver();
  await auditQueue(sqs, url).hide(batch, 60);
  await arrive(11);
  // The group of the first one gives nothing; the nine others do.
  const others = [...(await handedOver()), ...(await handedOver())];
  expect(others.length).toBe(9);
});
