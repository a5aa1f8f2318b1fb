import type pg from 'pg';
import { planStore } from '../../adapters/postgres/plan-store.ts';
import { catalogueForDatabase } from '../../core/plans/catalogue.ts';
import type { PlanEvent } from '../../core/plans/plan-event.ts';
import type { Idempotently, StripeReader } from '../../pipeline/ports.ts';
import type { EventProcessor } from '../../pipeline/process-event.ts';
import { catalogue } from './catalogue.ts';

export const source = 'aws.partner/stripe.com/ed_test';

/** A worker's processor onto a real database; the AWS parts are stand-ins that a test can look into or make fail. */
export function testProcessor(
  database: pg.Pool,
  parts: Partial<EventProcessor> = {},
): EventProcessor & { published: PlanEvent[] } {
  const published: PlanEvent[] = [];
  const nobody: StripeReader = {
    subscription: async (id) => {
      throw new Error(`This test did not expect Stripe to be asked for ${id}`);
    },
  };
  // Without the first guard, so that the second one, the database, is what is tested.
  const idempotently: Idempotently = async (_key, work) => ({ answer: await work(), again: false });
  return {
    worker: 'billing',
    livemode: false,
    sources: [source],
    catalogue,
    store: planStore(database, catalogueForDatabase(catalogue)),
    stripe: nobody,
    idempotently,
    publish: async (planEvents) => {
      published.push(...planEvents);
    },
    now: Date.now,
    ...parts,
    published,
  };
}

let count = 0;

/** The envelope that the bus would put around a Stripe event. */
export function envelope(event: object, more: object = {}): string {
  const detail = event as { type: string };
  return JSON.stringify({
    version: '0',
    id: `00000000-0000-4000-8000-${String(++count).padStart(12, '0')}`,
    source,
    'detail-type': detail.type,
    account: '123456789012',
    region: 'eu-central-1',
    resources: [source],
    time: '2026-11-20T10:00:00Z',
    detail: event,
    ...more,
  });
}
