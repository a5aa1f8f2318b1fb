/**
 * What of fauxqs 2.4.1 its package does not export, hence the paths: two places where it does otherwise than SQS, which lost events or
 * made the audit wait and which importing this puts right; and its way to keep objects on disk.
 */
import { FileS3Persistence } from '../../node_modules/fauxqs/dist/s3/fileS3Persistence.js';
import { S3Store } from '../../node_modules/fauxqs/dist/s3/s3Store.js';
import { SnsStore } from '../../node_modules/fauxqs/dist/sns/snsStore.js';
import { SqsQueue, SqsStore } from '../../node_modules/fauxqs/dist/sqs/sqsStore.js';
import { INVALID_MESSAGE_BODY_CHAR } from '../../node_modules/fauxqs/dist/sqs/sqsTypes.js';

/**
 * Its own check lacks the `u` flag and so refuses every code point above U+FFFF, an emoji in a name for one; SQS takes them.
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: SQS takes tab, line feed and carriage return, and no other
const refusedBySqs = /[^\u{9}\u{A}\u{D}\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/u;
INVALID_MESSAGE_BODY_CHAR.test = (text) => refusedBySqs.test(text);

type DequeueFifo = (this: SqsQueue, ...args: Parameters<SqsQueue['dequeue']>) => ReturnType<SqsQueue['dequeue']>;
const prototype = SqsQueue.prototype as unknown as { dequeueFifo: DequeueFifo };
const oneOfEachGroup = prototype.dequeueFifo;

/**
 * fauxqs hands out one message of a group at a time; SQS as many of one group as were asked for, in their order, then of the next.
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html
 */
prototype.dequeueFifo = function (most, ...rest) {
  this.processTimers();
  const received = [];
  const all = this.fifoMessages;
  for (const group of [...all.keys()]) {
    let locked = 0;
    while (received.length < Math.min(most, 10) && all.has(group)) {
      if (locked > 0) this.fifoLockedGroups.delete(group);
      // Shown this group alone, it can take of no other.
      this.fifoMessages = new Map([[group, all.get(group)!]]);
      const next = oneOfEachGroup.call(this, 1, ...rest);
      // Its timers may have brought messages back meanwhile, of other groups, too.
      for (const [name, messages] of this.fifoMessages) all.set(name, mergedBefore(all.get(name), messages));
      if (!this.fifoMessages.has(group)) all.delete(group);
      this.fifoMessages = all;
      if (next.length === 0) break;
      received.push(...next);
      locked += 1;
    }
    if (locked > 0) this.fifoLockedGroups.set(group, locked);
  }
  return received;
};

function mergedBefore<Item>(held: Item[] | undefined, messages: Item[]): Item[] {
  return held === undefined || held === messages ? messages : [...messages, ...held];
}

/** What fauxqs keeps its things in; with a folder, objects lie there: in memory, each would hold on to the 64 KB that it was received in. */
export function storesIn(folder: string | undefined) {
  const s3Store = new S3Store();
  if (folder !== undefined) s3Store.persistence = new FileS3Persistence(folder);
  return { s3Store, sqsStore: new SqsStore(), snsStore: new SnsStore() };
}
