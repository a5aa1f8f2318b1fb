import type { WorkerLook } from '../../ops/watch/look.ts';
import { recoveryOf, type WatchedState } from '../../ops/watch/recovery.ts';
import { type Pipeline, startPipeline } from './pipeline.ts';

const now = new Date('2026-11-21T12:00:00Z');
const secondsAgo = (seconds: number) => new Date(now.getTime() - seconds * 1000);
const inSeconds = (seconds: number) => secondsAgo(-seconds);

describe('recovery', () => {
  const nothing: WatchedState = { rules: [], paused: [], secretEmpty: [], deadLetters: [] };
  const look = (more: Partial<WorkerLook> = {}): WorkerLook => ({
    name: 'billing',
    at: now,
    everFailed: new Map(),
    lastCrashAt: null,
    settledLastMinute: 0,
    held: { waiting: 0, in_flight: 0 },
    ...more,
  });
  const attempt = (ended: 'settled' | 'deferred' | 'parked', seconds: number, retryIn = 0) => ({
    at: secondsAgo(seconds),
    ended,
    code: null,
    retryAt: inSeconds(retryIn),
    messageId: 'm',
    detail: null,
  });

  it('is there when nothing failed and nothing waits', () => {
    expect(recoveryOf([look()], nothing)).toMatchObject({ recovered: true });
  });

  it('says when the last failure was, who is still in backoff, and what settles', () => {
    const everFailed = new Map([
      ['a', attempt('deferred', 40, 840)],
      ['b', attempt('deferred', 90, 120)],
    ]);
    const { recovered, says } = recoveryOf([look({ everFailed, settledLastMinute: 120 })], nothing);
    expect(recovered).toBe(false);
    expect(says).toEqual([
      'billing: last failure 40 s ago; 2 still in backoff, the latest at 12:14; settled in the last minute: 120',
    ]);
  });

  it('is there when what had failed settles, though others are still in backoff', () => {
    const everFailed = new Map([
      ['a', attempt('deferred', 70, 600)],
      ['b', attempt('settled', 20)],
    ]);
    const still = { everFailed, held: { waiting: 0, in_flight: 1 } };
    expect(recoveryOf([look(still)], nothing).recovered).toBe(true);
    everFailed.set('b', attempt('settled', 80));
    expect(recoveryOf([look(still)], nothing).recovered).toBe(false);
  });

  it.each([
    ['a failure within the minute', look({ everFailed: new Map([['a', attempt('parked', 59)]]) })],
    ['a crash within the minute', look({ lastCrashAt: secondsAgo(30) })],
    ['messages in flight and nothing settled', look({ held: { waiting: 0, in_flight: 135 } })],
    ['a queue that is gone', look({ held: null })],
  ])('is not there with %s', (_what, one) => {
    expect(recoveryOf([one], nothing).recovered).toBe(false);
  });

  it('is not there while something stands in the way, and says what', () => {
    const standing: WatchedState = {
      rules: [{ name: 'r', state: 'DISABLED' }],
      paused: ['audit'],
      secretEmpty: ['DATABASE_URL'],
      deadLetters: [
        { name: 'billing-failed', number: 60 },
        { name: 'audit-failed', number: 0 },
      ],
    };
    expect(recoveryOf([look()], standing).says).toEqual([
      'DATABASE_URL is empty in the secret',
      'the rule r is disabled',
      'audit takes nothing from its queue',
      '60 in billing-failed',
    ]);
  });
});

describe('ops watch', () => {
  let pipeline: Pipeline;
  beforeEach(async () => {
    pipeline = await startPipeline();
    pipeline.aws.secret = JSON.stringify({ DATABASE_URL: 'postgres://db', STRIPE_SECRET_KEY: 'sk_test_1' });
    pipeline.at(now);
  });
  afterEach(() => pipeline.close());

  it('ends with 0 at once when all is well', async () => {
    const { code, out } = await pipeline.run('watch');
    expect(code).toBe(0);
    expect(out).toMatch(/^RECOVERED \(nothing to wait for\)/);
  });

  it('waits for the recovery, and confirms it', async () => {
    const log = '/aws/lambda/huntaze-stripe-billing-dev';
    const failed = { message: 'event deferred', code: 'database_28P01', retry_in_s: 30, sqs_message_id: 'm' };
    pipeline.aws.logs.set(log, [{ at: secondsAgo(5), ...failed }]);
    pipeline.at(() => {
      // Time passes with every question; after a while the message is settled.
      clock += 2_000;
      if (clock > now.getTime() + 100_000)
        pipeline.aws.logs.set(log, [
          { at: inSeconds(100), message: 'event settled', outcome: 'applied', sqs_message_id: 'm' },
        ]);
      return new Date(clock);
    });
    let clock = now.getTime();
    const { code, out, err } = await pipeline.run('watch', '--every', '1', '--minutes', '60');
    expect(out).toMatch(/^RECOVERED after \d+ s/);
    expect(code).toBe(0);
    expect(err).toMatch(/billing: last failure \d+ s ago; 1 still in backoff, the latest at 12:00/);
  });

  it('ends with 1 when it is not in time, and says what is not well', async () => {
    pipeline.aws.rules.get('huntaze-stripe-billing-dev')!.State = 'DISABLED';
    const { code, out } = await pipeline.run('watch', '--minutes', '0');
    expect(code).toBe(1);
    expect(out).toBe('NOT RECOVERED after 0 s\n  - the rule huntaze-stripe-billing-dev is disabled');
  });
});
