import { byWorker } from '../../core/workers.ts';
import { readEnv, readWorkQueueUrls } from '../../lambdas/env.ts';

it('names every variable that is missing or empty', () => {
  expect(() => readEnv(['A', 'B', 'C'], { A: 'a', B: '' })).toThrow(/Missing environment variables: B, C\./);
});

it('hands on where Stripe is played, when that is set', () => {
  expect(readEnv(['A'], { A: 'a', STRIPE_API_BASE: 'http://127.0.0.1:1', B: 'not asked for' })).toEqual({
    A: 'a',
    STRIPE_API_BASE: 'http://127.0.0.1:1',
  });
  expect(readEnv(['A'], { A: 'a', STRIPE_SENDS_HERE: 'no' })).toEqual({ A: 'a', STRIPE_SENDS_HERE: 'no' });
  expect(readEnv(['A'], { A: 'a' })).toEqual({ A: 'a' });
});

it('refuses to reconcile for a worker that it has no queue of', () => {
  const all = byWorker((worker) => `https://${worker}`);
  const { billing: _, ...allButBilling } = all;
  expect(readWorkQueueUrls({ WORK_QUEUE_URLS: JSON.stringify(all) })).toEqual(all);
  expect(() => readWorkQueueUrls({ WORK_QUEUE_URLS: JSON.stringify(allButBilling) })).toThrow(/no queue of billing/);
});
