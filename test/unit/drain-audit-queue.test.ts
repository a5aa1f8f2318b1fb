import {
  type AuditMessage,
  type AuditParts,
  drainAuditQueue,
  secondsToWait,
} from '../../pipeline/drain-audit-queue.ts';

const message = (id: number, body = `{"id":"${id}"}`): AuditMessage => ({
  messageId: `message-${id}`,
  receiptHandle: `receipt-${id}`,
  body,
});
const numbered = (count: number, from = 0) => Array.from({ length: count }, (_, index) => message(from + index));

/** A queue whose groups give ten messages at most until those are removed, as SQS's do; and what became of them. */
function queueOf(groups: AuditMessage[][], more: Partial<AuditParts> = {}) {
  const waiting = groups.map((group) => [...group]);
  const locked = new Map<string, number>();
  const story: string[] = [];
  const parts: AuditParts = {
    async receive() {
      const index = waiting.findIndex((group, at) => group.length > 0 && ![...locked.values()].includes(at));
      if (index < 0) return [];
      const given = waiting[index]!.splice(0, 10);
      for (const { messageId } of given) locked.set(messageId, index);
      return given;
    },
    async write(bodies) {
      story.push(`write ${bodies.length}`);
      return 'key';
    },
    async remove(messages) {
      story.push(`remove ${messages.length}`);
      for (const { messageId } of messages) locked.delete(messageId);
    },
    written() {},
    timeLeftMs: () => 20_000,
    ...more,
  };
  return { parts, story, left: () => waiting.flat().length + locked.size };
}

describe('how long what came waits for company', () => {
  const fresh = (count: number) => Array.from({ length: count }, () => ({ receives: 1 }));
  const at = (text: string) => Date.parse(`2026-11-21T10:00:${text}Z`);

  it.each([
    ['one that has just come, until the full minute', fresh(1), 60, at('12.500'), 48],
    ['several groups’ until the same moment', fresh(4), 60, at('59.900'), 1],
    ['never longer than the whole time', fresh(1), 60, at('00.000'), 60],
    ['by the setting', fresh(1), 5, at('12.500'), 3],
    ['no more once it has waited', [{ receives: 1 }, { receives: 2 }], 60, at('12.500'), 0],
    ['not at all in a full batch', fresh(10), 60, at('12.500'), 0],
    ['not at all with 0', fresh(1), 0, at('12.500'), 0],
  ])('%s', (_, batch, every, now, seconds) => {
    expect(secondsToWait(batch, every, now)).toBe(seconds);
  });
});

it('writes its batch and what waits beside it into one object, and removes them only then', async () => {
  const { parts, story, left } = queueOf([numbered(3), numbered(4, 10)]);
  await drainAuditQueue(parts, [message(99)]);
  expect(story).toEqual(['write 8', 'remove 8']);
  expect(left()).toBe(0);
});

it('takes ten of each of ten groups in a round: 1,000 events/s while a round takes less than 100 ms', async () => {
  const groups = Array.from({ length: 10 }, (_, group) => numbered(25, group * 100));
  const { parts, story, left } = queueOf(groups);
  await drainAuditQueue(parts, await parts.receive());
  expect(story).toEqual(['write 100', 'remove 100', 'write 100', 'remove 100', 'write 50', 'remove 50']);
  expect(left()).toBe(0);
});

it('asks once when nothing waits beside its batch', async () => {
  let asked = 0;
  const { parts, story } = queueOf([]);
  const receive = () => {
    asked += 1;
    return parts.receive();
  };
  await drainAuditQueue({ ...parts, receive }, [message(1)]);
  expect({ asked, story }).toEqual({ asked: 1, story: ['write 1', 'remove 1'] });
});

it('removes nothing of an object that was not written', async () => {
  const { parts, story, left } = queueOf([numbered(3)], { write: () => Promise.reject(new Error('S3 is down')) });
  await expect(drainAuditQueue(parts, [message(99)])).rejects.toThrow('S3 is down');
  expect(story).toEqual([]);
  expect(left()).toBe(3);
});

it('ends in time: no round begins in the last ten seconds', async () => {
  const groups = Array.from({ length: 10 }, (_, group) => numbered(25, group * 100));
  const { parts, story, left } = queueOf(groups, { timeLeftMs: () => 9_999 });
  await drainAuditQueue(parts, await parts.receive());
  expect(story).toEqual(['write 100', 'remove 100']);
  expect(left()).toBe(150);
});

it('writes no object larger than 16 MiB, unless it is one event', async () => {
  const large = (id: number, mebibytes: number) => message(id, 'x'.repeat(mebibytes * 1024 * 1024));
  const { parts, story } = queueOf([]);
  await drainAuditQueue(parts, [large(1, 9), large(2, 9), large(3, 1), large(4, 20)]);
  expect(story).toEqual(['write 1', 'remove 1', 'write 2', 'remove 2', 'write 1', 'remove 1']);
});
