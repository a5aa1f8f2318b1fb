import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateTableCommand, DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
} from '@aws-sdk/client-sqs';
import { LOCAL_CREDENTIALS } from '../../local/backends/loopback-guard.ts';
import { type AwsParts, startAwsParts } from '../../local/backends/sqs-s3-dynamodb.ts';
import { Shutdown } from '../../local/shutdown.ts';

const shutdown = new Shutdown();
const folder = mkdtempSync(join(tmpdir(), 'stripe-eventbridge-parts-'));
const options = { region: 'us-east-1', credentials: LOCAL_CREDENTIALS };
let parts: AwsParts;

beforeAll(async () => {
  parts = await startAwsParts(shutdown, folder);
});
afterAll(async () => {
  await shutdown.run();
  rmSync(folder, { recursive: true });
});

describe('a FIFO queue', () => {
  const url = () => `${parts.queuesEndpoint}/000000000000/line.fifo`;
  const receive = async () => {
    const { Messages: messages = [] } = await parts.sqs.send(
      new ReceiveMessageCommand({ QueueUrl: url(), MaxNumberOfMessages: 10 }),
    );
    return messages;
  };
  const bodies = (messages: Message[]) => messages.map(({ Body }) => Body);

  it('hands out as many messages of one group as are asked for, in order, and the group to nobody else meanwhile', async () => {
    const attributes = { FifoQueue: 'true', ContentBasedDeduplication: 'true' };
    await parts.sqs.send(new CreateQueueCommand({ QueueName: 'line.fifo', Attributes: attributes }));
    const send = (names: string[]) =>
      parts.sqs.send(
        new SendMessageBatchCommand({
          QueueUrl: url(),
          Entries: names.map((name) => ({ Id: name, MessageBody: name, MessageGroupId: name[0] })),
        }),
      );
    await send(['a1', 'b1', 'a2', 'b2', 'a3', 'b3', 'a4', 'a5', 'a6', 'a7']);
    await send(['a8', 'a9', 'b4']);

    const first = await receive();
    expect(bodies(first)).toEqual(['a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'a7', 'a8', 'a9', 'b1']);
    // Of both groups something is under way.
    expect(await receive()).toEqual([]);
    const done = (message: Message) =>
      parts.sqs.send(new DeleteMessageCommand({ QueueUrl: url(), ReceiptHandle: message.ReceiptHandle }));
    await send(['a10']);
    for (const message of first.slice(0, 8)) await done(message);
    await done(first[9]!);
    expect(bodies(await receive())).toEqual(['b2', 'b3', 'b4']);
    await done(first[8]!);
    expect(bodies(await receive())).toEqual(['a10']);
  });
});

it('keeps objects and tables on disk, where a long run does not fill the memory', async () => {
  const s3 = new S3Client({ ...options, endpoint: parts.queuesEndpoint, forcePathStyle: true });
  await s3.send(new CreateBucketCommand({ Bucket: 'audit' }));
  await s3.send(new PutObjectCommand({ Bucket: 'audit', Key: '2026/11/a.gz', Body: Buffer.from([1, 2, 255]) }));
  const { Body: body } = await s3.send(new GetObjectCommand({ Bucket: 'audit', Key: '2026/11/a.gz' }));
  expect([...(await body!.transformToByteArray())]).toEqual([1, 2, 255]);
  s3.destroy();

  const dynamodb = new DynamoDBClient({ ...options, endpoint: parts.tablesEndpoint });
  await dynamodb.send(
    new CreateTableCommand({
      TableName: 'seen',
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      ProvisionedThroughput: { ReadCapacityUnits: 1, WriteCapacityUnits: 1 },
    }),
  );
  await dynamodb.send(new PutItemCommand({ TableName: 'seen', Item: { id: { S: 'evt_1' } } }));
  const { Item: item } = await dynamodb.send(new GetItemCommand({ TableName: 'seen', Key: { id: { S: 'evt_1' } } }));
  expect(item).toEqual({ id: { S: 'evt_1' } });
  dynamodb.destroy();
  expect(readdirSync(folder).sort()).toEqual(['buckets', 'tables']);
});
