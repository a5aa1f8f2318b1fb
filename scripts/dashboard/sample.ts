import {
  type Measurement,
  metrics,
  metricsOf,
  metricsOfDeferral,
  metricsOfReconcile,
  type SettledEvent,
} from '../../core/metrics.ts';
import type { Outcome } from '../../core/outcome.ts';
import type { Series } from '../../local/cloudwatch/metric-history.ts';

/**
 * Made-up events, reported as a worker would: enough to see every widget filled when no local run is at hand.
 *
 * The same every time, so that a picture changes only when the dashboard does.
 */
export function sampleMetrics(namespace: string, environment: string): Series[] {
  const start = Date.parse('2026-11-21T09:00:00Z');
  const random = seeded(7);
  const series = new Map<string, Series>();
  const put = (second: number, measurements: Measurement[]) => {
    for (const { name, value, dimensions } of measurements) {
      const key = JSON.stringify([name, dimensions]);
      const one = series.get(key) ?? { namespace, name, unit: metrics[name].unit, dimensions, points: [] };
      series.set(key, one);
      one.points.push({ at: new Date(start + second * 1000).toISOString(), values: [value] });
    }
  };
  for (let second = 0; second < 180; second++) {
    const outage = second > 90 && second < 100;
    for (let event = 0; event < 3 + Math.floor(random() * 5); event++) {
      if (outage && random() < 0.8) {
        put(second, metricsOfDeferral({ origin: 'webhook', code: 'database_down', queuedForMs: 4000 }, environment));
        continue;
      }
      put(
        second,
        metricsOf(event === 0 && second > 120 ? { ...madeUp(random), origin: 'replay' } : madeUp(random), environment),
      );
    }
  }
  put(175, metricsOfReconcile({ drift: 0, missedEvents: 0, entitledWithoutUser: 1 }, environment));
  return [...series.values()];
}

function madeUp(random: () => number): SettledEvent {
  const outcome = pick(random, {
    applied: 80,
    duplicate: 8,
    stale: 5,
    refetched: 4,
    ignored: 2,
    parked: 0.2,
  }) as Outcome;
  const succeeded = random() > 0.07;
  return {
    worker: 'payments',
    type: 'payment_intent.succeeded',
    outcome,
    origin: 'webhook',
    ...(outcome === 'parked'
      ? {}
      : { arrivalToCommitMs: 180 + 500 * random() ** 4, databaseMs: 2 + 9 * random() ** 3 }),
    unknownPrice: random() < 0.002,
    unexpectedApiVersion: false,
    ...(random() < 0.4 && {
      payment: { succeeded, currency: random() < 0.7 ? 'eur' : 'usd', amountMinor: random() < 0.6 ? 1900 : 4900 },
    }),
    planEvents:
      random() < 0.2 ? [{ event_type: random() < 0.7 ? 'SUBSCRIPTION_ACTIVATED' : 'SUBSCRIPTION_CANCELLED' }] : [],
  };
}

function pick(random: () => number, weights: Record<string, number>): string {
  let left = random() * Object.values(weights).reduce((total, weight) => total + weight, 0);
  for (const [word, weight] of Object.entries(weights)) {
    left -= weight;
    if (left <= 0) return word;
  }
  throw new Error('unreachable: the weights add up to what was drawn from');
}

/** A small generator that gives the same numbers for the same seed. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
