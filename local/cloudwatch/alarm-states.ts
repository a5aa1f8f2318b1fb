import { type MetricHistory, type MetricIdentity, statistic, type TimeWindow } from './metric-history.ts';
import { evaluateMath } from './metric-math.ts';

/** `aws`: nothing local can tell, because only AWS produces the metric or the silence would have to last for hours. */
export type AlarmState = 'OK' | 'ALARM' | 'aws';

interface AlarmMetric {
  Id: string;
  Expression?: string;
  MetricStat?: { Metric: { Namespace: string; MetricName: string; Dimensions?: Dimension[] }; Stat: string };
}
type Dimension = { Name: string; Value: string };

/** A resource of the template whose values are resolved. */
export interface AlarmResource {
  logicalId: string;
  type: 'AWS::CloudWatch::Alarm' | 'AWS::CloudWatch::CompositeAlarm';
  properties: Record<string, unknown>;
}

/**
 * The state that every alarm of the stack would have, if all that was measured in `window` lay in one of its periods.
 *
 * So it tests the condition (metric, dimensions, expression, threshold), not for how long it must last.
 */
export function alarmStates(
  alarms: readonly AlarmResource[],
  history: MetricHistory,
  window: TimeWindow,
): Map<string, AlarmState> {
  const states = new Map<string, AlarmState>();
  for (const { logicalId, properties } of alarms.filter(({ type }) => type === 'AWS::CloudWatch::Alarm')) {
    states.set(logicalId, stateOf(properties, history, window));
  }
  let open = alarms.filter(({ type }) => type === 'AWS::CloudWatch::CompositeAlarm');
  while (open.length > 0) {
    const ready = open.filter(({ properties }) => partsOf(properties).every((part) => states.has(part)));
    if (ready.length === 0)
      throw new Error(`Composite alarms of unknown parts: ${open.map(({ logicalId }) => logicalId).join(', ')}`);
    for (const { logicalId, properties } of ready) states.set(logicalId, together(properties, states));
    open = open.filter((alarm) => !ready.includes(alarm));
  }
  return states;
}

function stateOf(properties: Record<string, unknown>, history: MetricHistory, window: TimeWindow): AlarmState {
  const metrics = metricsOfAlarm(properties);
  const raw = metrics.flatMap(({ MetricStat }) => (MetricStat ? [nameOf(MetricStat.Metric)] : []));
  if (raw.every((metric) => !history.has(metric))) {
    return properties.TreatMissingData === 'breaching' || raw.some(({ namespace }) => namespace.startsWith('AWS/'))
      ? 'aws'
      : 'OK';
  }
  const values: Record<string, number | undefined> = {};
  for (const { Id, MetricStat } of metrics) {
    if (MetricStat) values[Id] = statistic(MetricStat.Stat, history.valuesOf(nameOf(MetricStat.Metric), window));
  }
  const expression = metrics.find(({ Expression }) => Expression);
  const value = expression ? evaluateMath(expression.Expression!, values) : values[metrics[0]!.Id];
  if (value === undefined) return 'OK';
  const threshold = Number(properties.Threshold);
  const breaches = {
    GreaterThanOrEqualToThreshold: value >= threshold,
    GreaterThanThreshold: value > threshold,
    LessThanThreshold: value < threshold,
    LessThanOrEqualToThreshold: value <= threshold,
  }[String(properties.ComparisonOperator)];
  if (breaches === undefined) throw new Error(`Unknown comparison ${properties.ComparisonOperator}`);
  return breaches ? 'ALARM' : 'OK';
}

function metricsOfAlarm(properties: Record<string, unknown>): AlarmMetric[] {
  if (properties.Metrics) return properties.Metrics as AlarmMetric[];
  const { Namespace, MetricName, Dimensions, Statistic, ExtendedStatistic } = properties as Record<string, string> & {
    Dimensions?: Dimension[];
  };
  return [
    {
      Id: 'only',
      MetricStat: {
        Metric: { Namespace: Namespace!, MetricName: MetricName!, Dimensions: Dimensions ?? [] },
        Stat: (ExtendedStatistic ?? Statistic)!,
      },
    },
  ];
}

const nameOf = (metric: { Namespace: string; MetricName: string; Dimensions?: Dimension[] }): MetricIdentity => ({
  namespace: metric.Namespace,
  name: metric.MetricName,
  dimensions: Object.fromEntries((metric.Dimensions ?? []).map(({ Name, Value }) => [Name, Value])),
});

/** Logical ids in `ALARM("<id>.Arn")`, as the local run's reading of the template resolves an alarm's ARN. */
const partsOf = ({ AlarmRule }: Record<string, unknown>): string[] =>
  [...String(AlarmRule).matchAll(/ALARM\("?(\w+)\.Arn"?\)/g)].map(([, logicalId]) => logicalId!);

/** Reads `(ALARM("a.Arn") AND (ALARM("b.Arn") OR ALARM("c.Arn")))`. */
function together({ AlarmRule }: Record<string, unknown>, states: Map<string, AlarmState>): AlarmState {
  const rule = String(AlarmRule).replaceAll(/ALARM\("?(\w+)\.Arn"?\)/g, (_whole, part: string) =>
    states.get(part) === 'ALARM' ? '1' : '0',
  );
  const tokens = rule.match(/[01()]|AND|OR/g) ?? [];
  if (tokens.join('') !== rule.replaceAll(/\s/g, '')) throw new Error(`Not an alarm rule this can read: ${AlarmRule}`);
  const value = (): boolean => {
    const token = tokens.shift();
    if (token !== '(') return token === '1';
    const inner = either();
    tokens.shift();
    return inner;
  };
  const both = (): boolean => {
    let all = value();
    while (tokens[0] === 'AND') {
      tokens.shift();
      all = value() && all;
    }
    return all;
  };
  const either = (): boolean => {
    let any = both();
    while (tokens[0] === 'OR') {
      tokens.shift();
      any = both() || any;
    }
    return any;
  };
  return either() ? 'ALARM' : 'OK';
}
