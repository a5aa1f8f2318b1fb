import fc from 'fast-check';
import { recipe } from './arbitraries.ts';
import { live } from './live.ts';

/** What 3,000 random lives bring about: what the claims about all histories can have met. */
export function reached() {
  const types = new Set<string>();
  const statuses = new Set<string>();
  const prices = new Set<string>();
  const disputes = new Set<string>();
  for (const sample of fc.sample(recipe({ maxActs: 12 }), { numRuns: 3000, seed: 7 })) {
    for (const { type, object } of live(sample, 'h1').happenings) {
      types.add(type);
      if (object.kind === 'subscription') {
        statuses.add(object.status);
        prices.add(object.price.id);
      }
      if (object.kind === 'dispute') disputes.add(object.status);
    }
  }
  return { types, statuses, prices, disputes };
}
