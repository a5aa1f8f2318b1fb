import { LocalPipeline } from '../../local/local-pipeline.ts';
import { Shutdown } from '../../local/shutdown.ts';
import { startStripeServer } from '../../stripe-simulator/server.ts';
import { LONGEST_START_MS } from './local-run.ts';

/** `npm start -- --no-demo` with a Stripe of one's own: it knows nothing of the local run's event source. */

const shutdown = new Shutdown();
afterAll(() => shutdown.run());

it(
  'the clock does not ask it for a destination, which it cannot have: no alarm rings for that',
  async () => {
    const stripe = await startStripeServer({ key: null });
    shutdown.add('the Stripe server', stripe.close);
    const complaints: string[] = [];
    const pipeline = await LocalPipeline.start({
      shutdown,
      ownDatabaseUrl: undefined,
      stripe: { apiBase: stripe.url, secretKey: 'sk_test_own', sendsHere: false },
      forward: undefined,
      say: (text) => complaints.push(text),
    });
    const clock = pipeline.schedules.names.find((name) => name.includes('clock'))!;
    expect(await pipeline.schedules.runNow(clock)).toMatchObject({ last: { seconds: expect.any(Number) } });
    expect(complaints).toEqual([]);
    expect(stripe.asked).toEqual([]);
    expect((await pipeline.state()).alarms).toEqual([]);
  },
  LONGEST_START_MS,
);
