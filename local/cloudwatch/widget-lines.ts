import { type MetricHistory, type MetricIdentity, statistic, type TimeWindow } from './metric-history.ts';
import { evaluateMath } from './metric-math.ts';

/** A widget in a dashboard's body. @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html */
export interface Widget {
  type: 'text' | 'metric' | 'alarm';
  x: number;
  y: number;
  width: number;
  height: number;
  properties: {
    title?: string;
    markdown?: string;
    view?: 'singleValue' | 'timeSeries' | 'gauge';
    stacked?: boolean;
    metrics?: (string | Options)[][];
    alarms?: string[];
    /** Of `alarms`, only those in one of these states. */
    states?: string[];
    annotations?: { horizontal?: { value: number; label?: string; color?: string }[] };
    yAxis?: { left?: { min?: number; max?: number } };
  };
}

interface Options {
  id?: string;
  label?: string;
  color?: string;
  stat?: string;
  expression?: string;
  visible?: boolean;
}

/** One number or curve of a widget. */
export interface Line {
  label: string;
  color: string | undefined;
  /** Only AWS produces what it shows: nothing in the local run has these metrics. */
  onlyAws: boolean;
  /** How many things happened, or how long, how large: what was not measured shows as nothing, not as 0. */
  valueIn(window: TimeWindow): number | undefined;
}

interface Entry {
  options: Options;
  /** Absent for an expression. */
  metric?: MetricIdentity;
}

/** The metrics that a widget reads, hidden operands of expressions included. */
export const metricsIn = (widget: Widget): MetricIdentity[] => entriesOf(widget).flatMap(({ metric }) => metric ?? []);

export function linesOf(widget: Widget, history: MetricHistory): Line[] {
  const entries = entriesOf(widget);
  return entries
    .filter(({ options }) => options.visible !== false)
    .map((entry) => {
      const { options, metric } = entry;
      const operands = metric
        ? [entry]
        : entries.filter(({ options: { id } }) => id && mentions(options.expression!, id));
      return {
        label: options.label ?? metric?.name ?? options.expression!,
        color: options.color,
        onlyAws: onlyAws(operands, history),
        valueIn: (window) =>
          metric
            ? read(entry, history, window)
            : evaluateMath(
                options.expression!,
                Object.fromEntries(operands.map((operand) => [operand.options.id!, read(operand, history, window)])),
              ),
      };
    });
}

const entriesOf = (widget: Widget): Entry[] =>
  (widget.properties.metrics ?? []).map((entry) => {
    const last = entry.at(-1);
    const options = typeof last === 'object' ? last : {};
    if (options.expression !== undefined) return { options };
    const [namespace, name, ...rest] = entry.filter((word) => typeof word === 'string');
    const dimensions: Record<string, string> = {};
    for (let index = 0; index < rest.length; index += 2) dimensions[rest[index]!] = rest[index + 1]!;
    return { options, metric: { namespace: namespace!, name: name!, dimensions } };
  });

const read = ({ metric, options }: Entry, history: MetricHistory, window: TimeWindow) =>
  statistic(options.stat ?? 'Average', history.valuesOf(metric!, window));

const onlyAws = (entries: readonly Entry[], history: MetricHistory) =>
  entries.every(({ metric }) => metric!.namespace.startsWith('AWS/') && !history.has(metric!));

const mentions = (expression: string, id: string) => new RegExp(`\\b${id}\\b`).test(expression);
