import { type MetricName, metrics } from '../../core/metrics.ts';
import { deployments, synthesise } from './synthesis.ts';
import { dashboardIn, isHalf, metricsOfDashboard, shortAlarmName } from './watch-template.ts';

/** The metrics of AWS that the dashboard may show, with the dimensions under which AWS reports them. */
const awsMetrics: Record<string, string[]> = {
  'AWS/Events Events': ['EventSourceName'],
  'AWS/Events Invocations': ['EventBusName', 'RuleName'],
  'AWS/Events FailedInvocations': ['EventBusName', 'RuleName'],
  'AWS/Events IngestionToInvocationSuccessLatency': ['EventBusName', 'RuleName'],
  'AWS/SQS ApproximateNumberOfMessagesVisible': ['QueueName'],
  'AWS/Events TriggeredRules': ['RuleName'],
  'AWS/SQS ApproximateNumberOfMessagesNotVisible': ['QueueName'],
  'AWS/SQS NumberOfMessagesDeleted': ['QueueName'],
  'AWS/SQS ApproximateAgeOfOldestMessage': ['QueueName'],
  'AWS/Lambda Errors': ['FunctionName'],
  'AWS/Lambda Duration': ['FunctionName'],
};

const questions = [
  '## 1 · Are customers affected now?',
  '## 2 · Where is it stuck? The first row that looks wrong is the place (the last 5 minutes; "usual" is the last day)',
  '## 3 · What waits for me?',
  '## 4 · By day: money, the error budget, replays',
  '## 5 · Where do I go from here?',
];

describe.each(deployments)('the dashboard (%s)', (_, context) => {
  const { widgets, alarms } = dashboardIn(synthesise(context));

  it('answers five questions in this order', () => {
    const headings = widgets.flatMap(({ properties: { markdown } }) => (markdown?.startsWith('## ') ? [markdown] : []));
    expect(headings).toEqual(questions);
  });

  it('answers the first two on one screen of 1080 lines', () => {
    const third = widgets.find(({ properties }) => properties.markdown === questions[2])!;
    // A unit of height is about 50 pixels; browser and console take 130 of the 1080.
    expect(third.y * 50).toBeLessThanOrEqual(950);
  });

  it('shows only metrics that somebody reports, under the dimensions they are reported with', () => {
    for (const { namespace, name, dimensions } of metricsOfDashboard(synthesise(context))) {
      const wanted =
        namespace === 'huntaze/stripe' ? metrics[name as MetricName]?.dimensions : awsMetrics[`${namespace} ${name}`];
      // As sets: CloudWatch does not care for the order.
      expect([namespace, name, Object.keys(dimensions).sort()]).toEqual([namespace, name, [...(wanted ?? [])].sort()]);
    }
  });

  it('has a row for each stage from the bus to the database', () => {
    const stages = widgets.flatMap(
      ({ properties: { markdown } }) => /^\*\*(\w+)\*\*\n/.exec(markdown ?? '')?.[1] ?? [],
    );
    expect(stages.slice(0, 5)).toEqual(['Bus', 'Rules', 'Queues', 'Functions', 'Database']);
  });

  it('shows beside the health word what rings now, and since when', () => {
    const [health, ringing] = widgets.filter(({ type }) => type === 'alarm');
    expect([health!.y, health!.x + health!.width]).toEqual([ringing!.y, ringing!.x]);
    expect(ringing!.properties).toMatchObject({ states: ['ALARM'], sortBy: 'stateUpdatedTimestamp' });
  });

  it('shows every alarm that rings by itself', () => {
    const shown = new Set(widgets.flatMap(({ properties }) => properties.alarms ?? []));
    const hidden = alarms.filter(({ logicalId }) => !shown.has(`${logicalId}.Arn`));
    expect(
      hidden.map(({ properties }) => shortAlarmName(String(properties.AlarmName))).filter((name) => !isHalf(name)),
    ).toEqual([]);
  });

  it('keeps each number within CloudWatch’s grid, and no widget on another', () => {
    const taken = new Set<string>();
    for (const { x, y, width, height } of widgets) {
      expect(x + width).toBeLessThanOrEqual(24);
      for (let column = x; column < x + width; column++) {
        for (let line = y; line < y + height; line++) {
          expect(taken).not.toContain(`${column},${line}`);
          taken.add(`${column},${line}`);
        }
      }
    }
  });
});

it('shows the amounts of every currency that the catalogue sells in', () => {
  const currencies = metricsOfDashboard(synthesise())
    .filter(({ name }) => name === 'AmountPaidMinor')
    .map(({ dimensions }) => dimensions.currency);
  expect(currencies).toEqual(['eur', 'usd']);
});
