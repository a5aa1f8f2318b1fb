import { realSandbox } from './sandbox.ts';

it('names what is missing before anything is asked of AWS', async () => {
  await expect(realSandbox({ STRIPE_SECRET_KEY: 'sk_test_abc' })).rejects.toThrow(
    /^Set MIGRATION_DATABASE_URL \(.*\); PIPELINE_DATABASE_URL \(.*Or rehearse: npm run test:aws -- --rehearse$/,
  );
});

it.each(['sk_live_abc', 'rk_live_abc', 'pk_test_abc'])(
  'refuses %s: it makes and deletes things at Stripe',
  async (key) => {
    const databases = { MIGRATION_DATABASE_URL: 'postgres://a@b/c', PIPELINE_DATABASE_URL: 'postgres://a@b/c' };
    await expect(realSandbox({ STRIPE_SECRET_KEY: key, ...databases })).rejects.toThrow(/is no test key/);
  },
);
