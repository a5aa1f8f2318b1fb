/** The values of one metric with one set of dimensions, as the local run's `GET /metrics` gives them. */
export interface Series {
  namespace: string;
  name: string;
  unit: string;
  dimensions: Record<string, string>;
  points: { at: string; values: number[] }[];
}

export interface MetricIdentity {
  namespace: string;
  name: string;
  dimensions: Record<string, string>;
}

export interface TimeWindow {
  fromMs: number;
  toMs: number;
}

/** Looks up values as CloudWatch does: a metric is its namespace, its name and exactly its dimensions. */
export class MetricHistory {
  readonly #series: Map<string, { atMs: number; values: number[] }[]>;
  readonly span: TimeWindow;

  /** @param span what "all of it" is; @default from the first value to the last */
  constructor(series: readonly Series[], span?: TimeWindow) {
    this.#series = new Map(
      series.map((one) => [keyOf(one), one.points.map(({ at, values }) => ({ atMs: Date.parse(at), values }))]),
    );
    this.span = span ?? spanOf([...this.#series.values()].flat().map(({ atMs }) => atMs));
  }

  valuesOf(metric: MetricIdentity, { fromMs, toMs }: TimeWindow): number[] {
    const points = this.#series.get(keyOf(metric)) ?? [];
    return points.filter(({ atMs }) => atMs >= fromMs && atMs < toMs).flatMap(({ values }) => values);
  }

  has(metric: MetricIdentity): boolean {
    return this.#series.has(keyOf(metric));
  }
}

const spanOf = (times: number[]): TimeWindow => ({
  fromMs: times.reduce((one, other) => Math.min(one, other), Number.POSITIVE_INFINITY),
  toMs: times.reduce((one, other) => Math.max(one, other), Number.NEGATIVE_INFINITY) + 1000,
});

const keyOf = ({ namespace, name, dimensions }: MetricIdentity): string =>
  JSON.stringify([namespace, name, Object.entries(dimensions).sort(([one], [other]) => (one < other ? -1 : 1))]);

/**
 * One of CloudWatch's statistics over raw values; undefined where there are none.
 * @throws {Error} for a statistic that this does not know.
 */
export function statistic(name: string, values: readonly number[]): number | undefined {
  if (values.length === 0) return undefined;
  const sum = values.reduce((total, value) => total + value, 0);
  switch (name) {
    case 'Sum':
      return sum;
    case 'SampleCount':
      return values.length;
    case 'Average':
      return sum / values.length;
    case 'Minimum':
      return values.reduce((one, other) => Math.min(one, other));
    case 'Maximum':
      return values.reduce((one, other) => Math.max(one, other));
  }
  const percentile = /^p(\d+(\.\d+)?)$/.exec(name);
  if (!percentile)
    throw new Error(
      `The local dashboard does not know the statistic ${name}; add it in local/cloudwatch/metric-history.ts.`,
    );
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.max(0, Math.ceil((Number(percentile[1]) / 100) * sorted.length) - 1)];
}
