import { readEnv, readWorkQueueUrls } from '../../lambdas/env.ts';

it('names every variable that is missing or empty', () => {
  expect(() => readEnv(['A', 'B', 'C'], { A: 'a', B: '' })).toThrow(/Missing environment variables: B, C\./);
});

it('hands on where Stripe is played, when that is set', () => {
  expect(readEnv(['A'], { A: 'a', STRIPE_API_BASE: 'http://127.0.0.1:1', B: 'not asked for' })).toEqual({
    A: 'a',
    STRIPE_API_BASE: 'http://127.0.0.1:1',
  });
  expect(readEnv(['A'], { A: 'a' })).toEqual({ A: 'a' });
});

it('refuses to reconcile for a worker that it has no queue of', () => {
  expect(readWorkQueueUrls({ WORK_QUEUE_URLS: '{"payments":"https://p","billing":"https://b"}' })).toEqual({
    payments: 'https://p',
    billing: 'https://b',
  });
  expect(() => readWorkQueueUrls({ WORK_QUEUE_URLS: '{"payments":"https://p"}' })).toThrow(/no queue of billing/);
});
