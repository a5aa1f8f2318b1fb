// The only file that knows the reference. Not typed, so that `npm run check` needs none of it installed.
import { createRequire } from 'node:module';
import { StripeSync } from '@supabase/stripe-sync-engine';

// As an ES module it does not find its own migrations, and says so only to its log.
const { runMigrations } = createRequire(import.meta.url)('@supabase/stripe-sync-engine');

/** Makes its schema. */
export const migrate = (databaseUrl) => runMigrations({ databaseUrl, schema: 'stripe', logger: console });

/** Its `processEvent` is what its `processWebhook` calls once the signature is verified. */
export function open(connectionString, connections) {
  const sync = new StripeSync({
    poolConfig: { connectionString, max: connections },
    stripeSecretKey: 'sk_test_unused',
    stripeWebhookSecret: 'whsec_unused',
    // Otherwise it would ask Stripe for neighbours and for the rest of lists.
    backfillRelatedEntities: false,
    autoExpandLists: false,
  });
  return {
    async apply({ body }) {
      const { detail } = JSON.parse(body);
      // For its line items it asks Stripe. Only sign-ups have one, and those are not measured.
      if (detail.type !== 'checkout.session.completed') await sync.processEvent(detail);
    },
    close: () => sync.postgresClient.pool.end(),
  };
}
