import { eventSource, everything, type Resource, type Synthesis, synthesise } from './synthesis.ts';

/**
 * An upgrade of Stripe's API version gives another event source. The stack takes it beside the one it has, then keeps the old one for its
 * archive, then lets it go: apps hear on all the time, and nothing that holds state is replaced.
 */

const next = 'aws.partner/stripe.com/ed_62next';
const afterNext = 'aws.partner/stripe.com/ed_63after';
const prod = everything('prod');
const begin = () => synthesise(prod);
const both = () => synthesise({ ...prod, secondEventSourceName: next });
const retired = () => synthesise({ ...prod, secondEventSourceName: next, retiredEventSourceName: eventSource });
const moved = () => synthesise({ ...prod, stripeEventSourceName: '', secondEventSourceName: next });
const again = () => synthesise({ ...prod, stripeEventSourceName: afterNext, secondEventSourceName: next });
const steps: [step: string, from: () => Synthesis, to: () => Synthesis][] = [
  ['begun', begin, both],
  ['both → the old one retired', both, retired],
  ['the old one goes', retired, moved],
  ['the next upgrade takes the place that is free', moved, again],
];

/** What EventBridge makes anew when it changes: a bus's name, an archive's source and name, a rule's bus and name. */
const createOnly: Readonly<Record<string, readonly string[]>> = {
  'AWS::Events::EventBus': ['Name'],
  'AWS::Events::Archive': ['ArchiveName', 'SourceArn'],
  'AWS::Events::Rule': ['Name', 'EventBusName'],
};

const resourcesOf = ({ json }: Synthesis) => json.Resources as Record<string, Resource>;

it.each(steps)(
  '%s: no bus, archive or rule is replaced, and whatever is neither keeps its logical id',
  (_step, from, to) => {
    const [before, after] = [resourcesOf(from()), resourcesOf(to())];
    for (const [id, { Type, Properties }] of Object.entries(before)) {
      if (createOnly[Type] === undefined) {
        // Alarms of the second place come and go with it.
        if (Type !== 'AWS::CloudWatch::Alarm') expect(after[id]?.Type).toBe(Type);
        continue;
      }
      for (const name of createOnly[Type]) if (after[id]) expect(after[id].Properties[name]).toEqual(Properties[name]);
    }
  },
);

it('the app bus, queues, table, bucket, functions and secrets are not even touched by a second source, but for who may send', () => {
  const [before, after] = [resourcesOf(begin()), resourcesOf(both())];
  const stateful = [
    'AWS::SQS::Queue',
    'AWS::DynamoDB::Table',
    'AWS::S3::Bucket',
    'AWS::SecretsManager::Secret',
    'AWS::Lambda::EventSourceMapping',
  ];
  for (const [id, resource] of Object.entries(before))
    if (stateful.includes(resource.Type) || id.startsWith('PlansAppBus')) expect(after[id]).toEqual(resource);
});

it('each source has its bus, its archive and all rules, with one name, pattern and queue on both buses', () => {
  const first = begin()
    .all('AWS::Events::Rule')
    .filter(([id]) => /^(Payments|Billing|Audit)Rule/.test(id));
  expect(first).toHaveLength(12);
  const second = both()
    .all('AWS::Events::Rule')
    .filter(([id]) => /^(Payments|Billing|Audit)SecondRule/.test(id));
  const withoutBus = (rules: [string, Resource][]) =>
    rules.map(
      ([
        ,
        {
          Properties: { Name, EventPattern, Targets },
        },
      ]) => ({ Name, EventPattern, Targets: JSON.stringify(Targets).replaceAll(/"Id":"\w+"/g, '') }),
    );
  expect(withoutBus(second)).toEqual(withoutBus(first));
  expect(both().one('AWS::Events::EventBus', ({ Name }) => Name === next).Properties.EventSourceName).toBe(next);
  const archives = both()
    .all('AWS::Events::Archive')
    .map(([, { Properties }]) => Properties.ArchiveName);
  expect(archives).toEqual(['huntaze-stripe-prod', 'huntaze-stripe2-prod']);
});

it('the second bus, too, outlives the stack, and its failures of the key have a queue', () => {
  const bus = both().one('AWS::Events::EventBus', ({ Name }) => Name === next);
  expect(bus).toMatchObject({ DeletionPolicy: 'RetainExceptOnCreate', UpdateReplacePolicy: 'Retain' });
  expect(bus.Properties.DeadLetterConfig).toBeDefined();
  const statements = JSON.stringify(both().statementsOfQueue(both().queue('huntaze-stripe-bus-undelivered-prod')));
  expect(statements).toContain(`event-bus/${next}`);
});

it('each queue admits the rules of both buses, and no others', () => {
  const statements = both().statementsOfQueue(both().queue('huntaze-stripe-billing-prod'));
  const buses = statements
    .filter(({ Principal }) => Principal.Service === 'events.amazonaws.com')
    .map(({ Condition }) => /(Second)?IntakeBus/.exec(JSON.stringify(Condition.ArnEquals['aws:SourceArn']))?.[0]);
  expect(buses).toEqual(['IntakeBus', 'SecondIntakeBus']);
});

const variablesOf = (synthesis: Synthesis, name: string) =>
  synthesis.all('AWS::Lambda::Function').flatMap(([, { Properties }]) => Properties.Environment?.Variables[name] ?? []);

it('the workers take events of both, those of the one that Stripe sends to first', () => {
  const sources = (synthesis: Synthesis) => variablesOf(synthesis, 'STRIPE_EVENT_SOURCE_NAMES');
  expect(sources(both())).toEqual(Array(2).fill(`${eventSource},${next}`));
  expect(sources(retired())).toEqual(Array(2).fill(`${next},${eventSource}`));
  expect(sources(moved())).toEqual(Array(2).fill(next));
});

it('reconcile asks Stripe of both, but not of a retired one, and queues as the first', () => {
  const sources = (synthesis: Synthesis) => variablesOf(synthesis, 'SENDING_EVENT_SOURCE_NAMES');
  expect(sources(begin())).toEqual([eventSource]);
  expect(sources(both())).toEqual([`${eventSource},${next}`]);
  expect(sources(retired())).toEqual([next]);
  expect(sources(moved())).toEqual([next]);
});

it('the outputs name the source that Stripe sends to, and the other one beside it', () => {
  const outputsOf = ({ json }: Synthesis) => json.Outputs as Record<string, { Value: unknown }>;
  expect(outputsOf(begin()).OtherIntake).toBeUndefined();
  expect(outputsOf(both()).StripeEventSourceName!.Value).toBe(eventSource);
  expect(JSON.stringify(outputsOf(both()).OtherIntake!.Value)).toContain(next);
  expect(outputsOf(retired()).StripeEventSourceName!.Value).toBe(next);
  expect(JSON.stringify(outputsOf(retired()).OtherIntake!.Value)).toContain(eventSource);
  expect(outputsOf(moved()).StripeEventSourceName!.Value).toBe(next);
  expect(outputsOf(moved()).OtherIntake).toBeUndefined();
});

it('while Stripe sends to both, alarms hear when one falls silent or is switched off; a retired one may be', () => {
  const alarms = (synthesis: Synthesis) =>
    synthesis.all('AWS::CloudWatch::Alarm').map(([, { Properties }]) => Properties.AlarmName);
  for (const name of [
    'huntaze-stripe-silence-one-source-prod',
    'huntaze-stripe-destination-disabled-one-source-prod',
  ]) {
    expect(alarms(begin())).not.toContain(name);
    expect(alarms(both())).toContain(name);
    expect(alarms(retired())).not.toContain(name);
  }
  const second = ['rule-disabled-second', 'events-lost-second', 'events-lost-audit-second'].map(
    (part) => `huntaze-stripe-${part}-prod`,
  );
  expect(alarms(both())).toEqual(expect.arrayContaining(second));
});

it('no alarm adds up more than the ten metrics that CloudWatch takes, and no pattern is too long', () => {
  for (const [, { Properties }] of both().all('AWS::CloudWatch::Alarm'))
    expect(
      (Properties.Metrics ?? []).filter((one: { MetricStat?: object }) => one.MetricStat).length,
    ).toBeLessThanOrEqual(10);
  for (const [, { Properties }] of both().all('AWS::Events::Rule'))
    expect(JSON.stringify(Properties.EventPattern ?? '').length).toBeLessThanOrEqual(2048);
});
