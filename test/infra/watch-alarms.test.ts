import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type MetricName, metrics } from '../../core/metrics.ts';
import { workers } from '../../core/workers.ts';
import { situations } from '../../lib/watch/dashboard-links.ts';
import { alarmKinds } from '../../lib/watch/planned-alarm.ts';
import { deployments, eventSource, root, type Synthesis, synthesise } from './synthesis.ts';
import { alarmsOf, isHalf, metricsOfAlarm, metricsOfDashboard } from './watch-template.ts';

const runbooks = join(root, 'docs', 'runbooks');

/** What every alarm must hold, in each deployment: `[deployment, alarm, properties, synthesis]`. */
const each = deployments.flatMap(([deployment, context]) => {
  const synthesis = synthesise(context);
  return [...alarmsOf(synthesis)].map(([name, alarm]) => ({ deployment, name, alarm, synthesis }));
});
const notifying = each.filter(({ name }) => !isHalf(name));

describe('alarm, runbook and metric belong together', () => {
  it.each(notifying)(
    '$name ($deployment) says what happened, what customers notice, and links a runbook that exists',
    ({ alarm }) => {
      const text = /^(.+\.) For customers: (.+\.) What to do/.exec(alarm.AlarmDescription);
      expect(text).not.toBeNull();
      expect(existsSync(join(runbooks, `${runbookOf(alarm)}.md`))).toBe(true);
      // CloudWatch's limit; what is longer is refused at deploy.
      expect(alarm.AlarmDescription.length).toBeLessThanOrEqual(1024);
    },
  );

  it.each(notifying)('$name ($deployment) is named after its runbook', ({ name, alarm }) => {
    const runbook = runbookOf(alarm);
    expect(name === runbook || name.startsWith(`${runbook}-`)).toBe(true);
  });

  it('has a runbook for each kind of alarm and each situation, and no other', () => {
    const wanted = ['critical', 'degraded', ...alarmKinds, ...situations].map((name) => `${name}.md`).sort();
    expect(readdirSync(runbooks).sort()).toEqual(wanted);
  });

  it('uses each kind in some alarm', () => {
    const linked = notifying.map(({ alarm }) => runbookOf(alarm));
    expect([...new Set(linked)].sort()).toEqual(['critical', 'degraded', ...alarmKinds].sort());
  });

  it('shows or watches every metric that our code reports', () => {
    const twoSources = synthesise({ secondEventSourceName: 'aws.partner/stripe.com/ed_62next' });
    const alarms = [...each.map(({ alarm }) => alarm), ...alarmsOf(twoSources).values()];
    const read = [...alarms.flatMap(metricsOfAlarm), ...metricsOfDashboard(synthesise())];
    const names = new Set(read.filter(({ namespace }) => namespace === 'huntaze/stripe').map(({ name }) => name));
    expect(Object.keys(metrics).filter((name) => !names.has(name))).toEqual([]);
  });
});

describe('alarms look where the numbers are', () => {
  const reads = each.flatMap(({ deployment, name, alarm, synthesis }) =>
    metricsOfAlarm(alarm).map((metric) => ({ deployment, name, metric, synthesis })),
  );
  const ours = reads.filter(({ metric }) => metric.namespace === 'huntaze/stripe');
  const rules = reads.filter(({ metric }) => metric.namespace === 'AWS/Events' && metric.name !== 'Events');

  it.each(ours)(
    '$name ($deployment) reads $metric.name under exactly the dimensions it is emitted with',
    ({ metric, synthesis }) => {
      expect(Object.keys(metric.dimensions)).toEqual(metrics[metric.name as MetricName].dimensions);
      expect(metric.dimensions.environment).toBe(environmentOf(synthesis));
      if ('traffic' in metric.dimensions) expect(metric.dimensions.traffic).toBe('live');
    },
  );

  it('reads the metrics of rules by bus and rule, as a partner bus reports them', () => {
    expect(rules).not.toEqual([]);
    for (const { metric, synthesis } of rules) {
      expect(Object.keys(metric.dimensions)).toEqual(['EventBusName', 'RuleName']);
      expect(metric.dimensions.EventBusName).toBe(eventSource);
      expect(synthesis.all('AWS::Events::Rule').map(([, { Properties }]) => Properties.Name)).toContain(
        metric.dimensions.RuleName,
      );
    }
  });

  it('reads the heartbeat by the event source', () => {
    const [silence] = metricsOfAlarm(alarmsOf(synthesise()).get('silence-arrivals'));
    expect(silence).toEqual({
      namespace: 'AWS/Events',
      name: 'Events',
      dimensions: { EventSourceName: eventSource },
    });
  });

  it.each(deployments)(
    'watches every queue for what was given up, and every rule for what it could not deliver (%s)',
    (_, context) => {
      const synthesis = synthesise(context);
      const watched = new Set(
        [...alarmsOf(synthesis).values()]
          .flatMap(metricsOfAlarm)
          .filter(({ namespace }) => namespace === 'AWS/SQS')
          .map(({ dimensions }) => JSON.stringify(dimensions.QueueName)),
      );
      for (const [id] of synthesis.all('AWS::SQS::Queue')) {
        expect(watched).toContain(JSON.stringify({ 'Fn::GetAtt': [id, 'QueueName'] }));
      }
      const lost = ['events-lost', 'events-lost-audit']
        .flatMap((name) => metricsOfAlarm(alarmsOf(synthesis).get(name)))
        .map(({ dimensions }) => dimensions.RuleName);
      const rules = synthesis.all('AWS::Events::Rule').filter(([, { Properties }]) => Properties.EventBusName);
      const onPartnerBus = rules.map(([, { Properties }]) => Properties.Name).filter((name) => !/-api-\w+$/.test(name));
      expect(lost.sort()).toEqual(onPartnerBus.sort());
    },
  );
});

it.each(each)('$name ($deployment) reads ten metrics at most, which is CloudWatch’s limit', ({ alarm }) => {
  expect(metricsOfAlarm(alarm).length).toBeLessThanOrEqual(10);
});

describe('missing data', () => {
  const breaching = each.filter(({ alarm }) => alarm.TreatMissingData === 'breaching').map(({ name }) => name);
  const quiet = each.filter(({ alarm }) => alarm.TreatMissingData === 'notBreaching').map(({ name }) => name);
  const kept = each.filter(({ alarm }) => alarm.TreatMissingData === 'ignore').map(({ name }) => name);

  it('is the alarm for signs of life, proves nothing about attempts, and means that all is well for everything else', () => {
    expect([...new Set(kept)].sort()).toEqual([
      'destination-disabled',
      'processing-failures-critical',
      'processing-failures-degraded',
      'stripe-key',
    ]);
    expect([...new Set(breaching)].sort()).toEqual(['reconcile-silent', 'silence-arrivals']);
    const single = each.filter(({ alarm }) => !alarm.AlarmRule);
    expect(breaching.length + quiet.length + kept.length).toBe(single.length);
  });
});

describe('who is notified', () => {
  const topicOf = (synthesis: Synthesis, name: string) =>
    synthesis.idOf(synthesis.one('AWS::SNS::Topic', ({ TopicName }) => TopicName === `huntaze-stripe-${name}-prod`));
  const prod = synthesise({ environment: 'prod', alarmEmail: 'oncall@example.com' });
  const alarms = alarmsOf(prod);

  it('hears every alarm as a notice, and its end, but for the parts of a composite', () => {
    const silent = [...alarms].filter(([, alarm]) => !alarm.AlarmActions).map(([name]) => name);
    expect(silent.sort()).toEqual([
      'degraded',
      'silence-arrivals',
      'slo-burn-fast-long',
      'slo-burn-fast-short',
      'slo-burn-lasting-long',
      'slo-burn-lasting-short',
      'slo-burn-slow-long',
      'slo-burn-slow-short',
    ]);
    for (const [name, alarm] of alarms) {
      if (silent.includes(name) || name === 'critical') continue;
      expect(alarm.AlarmActions).toEqual([{ Ref: topicOf(prod, 'notices') }]);
      expect(alarm.OKActions).toEqual([{ Ref: topicOf(prod, 'notices') }]);
    }
  });

  it('is paged by one alarm, which takes in every critical one, and told when it is over', () => {
    const critical = alarms.get('critical');
    expect(critical.AlarmActions).toEqual([{ Ref: topicOf(prod, 'page') }]);
    expect(critical.OKActions).toEqual([{ Ref: topicOf(prod, 'page') }]);
    expect(partsOf(prod, 'critical')).toEqual([
      'backlog',
      'destination-disabled',
      'events-lost',
      ...workers.map((worker) => `nothing-settled-${worker}`).sort(),
      'payment-failures-critical',
      'processing-failures-critical',
      'rule-disabled',
      'secret-not-set',
      'silence',
      'slo-burn-fast',
      'slo-burn-slow',
      'undelivered-critical',
    ]);
  });

  it.each(deployments)('each alarm that tells is part of exactly one of the two health words (%s)', (_, context) => {
    const synthesis = synthesise(context);
    const words = ['critical', 'degraded'];
    const parts = words.flatMap((word) => partsOf(synthesis, word));
    const all = [...alarmsOf(synthesis).keys()].filter((name) => !words.includes(name) && !isHalf(name));
    expect(parts.sort()).toEqual(all.sort());
    expect(new Set(parts).size).toBe(parts.length);
  });

  it('subscribes the address to both topics, and nobody without one', () => {
    const subscriptions = prod.all('AWS::SNS::Subscription').map(([, { Properties }]) => Properties);
    expect(subscriptions.map(({ Protocol, Endpoint }) => [Protocol, Endpoint])).toEqual([
      ['email', 'oncall@example.com'],
      ['email', 'oncall@example.com'],
    ]);
    expect(synthesise().all('AWS::SNS::Subscription')).toEqual([]);
  });

  it.each(deployments)(
    'alarms may publish to the topics, which keep nothing that is sent in the clear (%s)',
    (_, context) => {
      const synthesis = synthesise(context);
      const policies = synthesis
        .all('AWS::SNS::TopicPolicy')
        .map(([, { Properties }]) => Properties.PolicyDocument.Statement);
      expect(policies).toHaveLength(2);
      for (const statements of policies) {
        expect(statements).toContainEqual(
          expect.objectContaining({
            Effect: 'Allow',
            Action: 'sns:Publish',
            Principal: { Service: 'cloudwatch.amazonaws.com' },
            Condition: { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } },
          }),
        );
        expect(statements).toContainEqual(
          expect.objectContaining({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
        );
      }
    },
  );
});

describe('what an alarm says to do', () => {
  const text = (context: Record<string, unknown>, name: string): string =>
    alarmsOf(synthesise(context)).get(name).AlarmDescription;

  it('is a link that opens from a phone, where the runbooks are online', () => {
    const context = { environment: 'prod', runbookBaseUrl: 'https://wiki.example.com/oncall/' };
    expect(text(context, 'backlog')).toMatch(/ What to do: https:\/\/wiki\.example\.com\/oncall\/backlog\.md$/);
  });

  it('is else the page’s first steps themselves, with the commands of this deployment', () => {
    const steps = text({ environment: 'staging', appName: 'acme' }, 'acme-stripe-nothing-settled-billing-staging');
    expect(steps).toContain('\n1. `npm run ops -- doctor --env staging` tries');
    expect(steps).not.toMatch(/huntaze|prod|\]\(/);
  });
});

describe('a change by hand', () => {
  it.each(deployments)('is paged, when it stops a rule, mapping, queue, archive, bus or bucket (%s)', (_, context) => {
    const synthesis = synthesise(context);
    const { environment } = { environment: 'dev', ...context };
    const rule = synthesis.one(
      'AWS::Events::Rule',
      ({ Name }) => Name === `huntaze-stripe-hand-made-changes-${environment}`,
    );
    const { EventBusName, EventPattern, Targets } = rule.Properties;
    // AWS's own events come on the default bus, whose rules name none.
    expect(EventBusName).toBeUndefined();
    const pattern = JSON.stringify(EventPattern);
    // EventBridge's limit, which synth does not check; a reference becomes an id of 36 characters.
    expect(pattern.length).toBeLessThanOrEqual(2048);
    const calls = [
      'DisableRule',
      'RemoveTargets',
      'DeleteRule',
      'UpdateEventSourceMapping',
      'DeleteQueue',
      'DeleteArchive',
      'DeleteEventBus',
      'DeleteBucket',
    ];
    for (const call of calls) expect(pattern).toContain(call);
    expect(synthesis.referred(Targets[0].Arn).Properties.TopicName).toBe(`huntaze-stripe-page-${environment}`);
  });
});

describe('the SLO burn rate', () => {
  const alarms = alarmsOf(synthesise());

  it.each([
    // Error budget 0.1 %: 14.4 × 0.1 % = 1.44 %; 6 × 0.1 % = 0.6 %; 3 × 0.1 % = 0.3 %.
    ['fast', 3600, 1.44, 300, 0.9856],
    ['slow', 21600, 0.6, 1800, 0.994],
    ['lasting', 86400, 0.3, 7200, 0.997],
  ])('%s: both the long window and the short one must agree', (part, longSeconds, percent, shortSeconds, share) => {
    const long = alarms.get(`slo-burn-${part}-long`);
    const short = alarms.get(`slo-burn-${part}-short`);
    expect(long.Threshold).toBe(percent);
    expect([...new Set(metricsPeriods(long))]).toEqual([longSeconds]);
    expect([short.Threshold, short.Period, short.Statistic]).toEqual([share, shortSeconds, 'Average']);
    expect(partsOf(synthesise(), `slo-burn-${part}`)).toEqual([`slo-burn-${part}-long`, `slo-burn-${part}-short`]);
    expect(JSON.stringify(alarms.get(`slo-burn-${part}`).AlarmRule)).toContain(' AND ');
  });
});

it.each([
  ['dev, staging or prod', { environment: 'prod' }],
  [
    'with `createKmsKey` and `apiUrl`',
    { environment: 'prod', createKmsKey: 'true', apiUrl: 'https://api.example.com/plans' },
  ],
])('costs what docs/metrics.md says: %s', (name, context) => {
  const synthesis = synthesise(context);
  const metricAlarms = synthesis
    .all('AWS::CloudWatch::Alarm')
    .map(([, { Properties }]) => metricsOfAlarm(Properties).length);
  const composites = synthesis.all('AWS::CloudWatch::CompositeAlarm').length;
  const metricCount = metricAlarms.reduce((total, count) => total + count, 0);
  expect(readFileSync(join(root, 'docs', 'metrics.md'), 'utf8')).toContain(
    `| ${name} | ${metricAlarms.length} on ${metricCount} metrics | ${composites} | $${(metricCount / 10 + composites / 2).toFixed(2)} |`,
  );
});

function partsOf(synthesis: Synthesis, name: string): string[] {
  const rule = JSON.stringify(alarmsOf(synthesis).get(name).AlarmRule);
  const ids = [...rule.matchAll(/"Fn::GetAtt":\["(\w+)","Arn"\]/g)].map(([, id]) => id!);
  return ids.map((id) => synthesis.byId(id).Properties.AlarmName.replace(/^huntaze-stripe-(.*)-\w+$/, '$1')).sort();
}

const metricsPeriods = (alarm: { Metrics: { MetricStat?: { Period: number } }[] }): number[] =>
  alarm.Metrics.flatMap(({ MetricStat }) => MetricStat?.Period ?? []);

/** The page that an alarm's text links, or whose first steps it holds. */
const runbookOf = ({ AlarmDescription }: { AlarmDescription: string }): string =>
  /(?:docs\/runbooks|https:\/\/wiki\.example\.com\/oncall)\/([\w-]+)\.md/.exec(AlarmDescription)![1]!;

const environmentOf = (synthesis: Synthesis): string => /-(dev|staging|prod)$/.exec(synthesis.stack.stackName)![1]!;
