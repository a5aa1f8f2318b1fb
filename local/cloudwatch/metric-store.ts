import type { EmbeddedMetrics } from '../lambda/handler-output.ts';

/** The values of one metric with one set of dimensions, as `GET /metrics` gives them. */
export interface MetricSeries {
  namespace: string;
  name: string;
  unit: string;
  dimensions: Record<string, string>;
  /** One per second in which there were values, oldest first. */
  points: { at: string; values: number[] }[];
}

interface Collected {
  namespace: string;
  name: string;
  unit: string;
  dimensions: Record<string, string>;
  points: Map<number, number[]>;
}

/** What graphs show is younger, and a run of days must not fill the memory. */
const KEPT_SECONDS = 3600;

/** CloudWatch's part in the local run: keeps in memory what the functions and the played services report. */
export class MetricStore {
  readonly #series = new Map<string, Collected>();

  put(
    namespace: string,
    name: string,
    dimensions: Record<string, string>,
    unit: string,
    values: number[],
    at = Date.now(),
  ): void {
    const key = JSON.stringify([namespace, name, Object.entries(dimensions).sort()]);
    let series = this.#series.get(key);
    if (!series) {
      series = { namespace, name, unit, dimensions, points: new Map() };
      this.#series.set(key, series);
    }
    const second = Math.floor(at / 1000);
    const point = series.points.get(second);
    if (point) point.push(...values);
    else {
      series.points.set(second, [...values]);
      for (const old of series.points.keys()) {
        if (old >= second - KEPT_SECONDS) break;
        series.points.delete(old);
      }
    }
  }

  /** A line in the embedded format; each set of dimensions is a metric of its own, as in CloudWatch. */
  putEmbedded(line: EmbeddedMetrics): void {
    for (const { Namespace: namespace, Dimensions: sets, Metrics: metrics } of line._aws.CloudWatchMetrics) {
      for (const { Name: name, Unit: unit = 'None' } of metrics) {
        const values = [line[name]].flat() as number[];
        for (const set of sets.length > 0 ? sets : [[]]) {
          const dimensions = Object.fromEntries(set.map((dimension) => [dimension, String(line[dimension])]));
          this.put(namespace, name, dimensions, unit, values, line._aws.Timestamp);
        }
      }
    }
  }

  /** Every series, with its values of the last hour, or those since a moment. */
  all(sinceMs = 0): MetricSeries[] {
    return [...this.#series.values()].map(({ points, ...series }) => ({
      ...series,
      points: [...points]
        .filter(([second]) => second * 1000 >= sinceMs)
        .sort(([one], [other]) => one - other)
        .map(([second, values]) => ({ at: new Date(second * 1000).toISOString(), values })),
    }));
  }
}
