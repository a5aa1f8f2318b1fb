import { routedEventTypes, workerOf } from '../../core/event-routes.ts';
import { workers } from '../../core/workers.ts';
import { auditShares, checkShares } from '../../lib/audit-trail.ts';
import { compilePattern } from '../../local/eventbridge/event-pattern.ts';
import {
  deployments,
  eventSource,
  everything,
  idIn,
  listed,
  type Resource,
  type Synthesis,
  synthesise,
} from './synthesis.ts';

const partnerRules = (context: Record<string, unknown>) =>
  synthesise(context)
    .all('AWS::Events::Rule')
    .map(([, rule]) => rule)
    .filter(
      ({ Properties }) =>
        Properties.EventBusName !== undefined && !JSON.stringify(Properties.EventBusName).includes('AppBus'),
    );

describe('the partner bus', () => {
  it('is named after its event source and takes no name of its own', () => {
    const bus = synthesise().one('AWS::Events::EventBus', ({ EventSourceName }) => EventSourceName !== undefined);
    expect(bus.Properties).toMatchObject({ Name: eventSource, EventSourceName: eventSource });
  });

  it('is left alone when it is adopted', () => {
    const synthesis = synthesise({ adoptEventBus: 'true' });
    expect(synthesis.all('AWS::Events::EventBus').map(([, { Properties }]) => Properties.Name)).toEqual([
      'huntaze-stripe-plans-dev',
    ]);
    expect(partnerRules({ adoptEventBus: 'true' }).map(({ Properties }) => Properties.EventBusName)).toEqual(
      Array(workers.length + auditShares.length).fill(eventSource),
    );
  });

  it.each(deployments)('has no resource policy, which EventBridge would refuse (%s)', (_, context) => {
    expect(synthesise(context).all('AWS::Events::EventBusPolicy')).toEqual([]);
  });

  it.each(deployments)('logs no payloads (%s)', (_, context) => {
    for (const [, { Properties }] of synthesise(context).all('AWS::Events::EventBus'))
      expect(Properties.LogConfig).toBeUndefined();
  });
});

describe('the archive', () => {
  it.each(deployments)('keeps every event for a year, under a name within the limit (%s)', (_, context) => {
    const { Properties } = synthesise(context).one('AWS::Events::Archive');
    expect(Properties.EventPattern).toBeUndefined();
    expect(Properties.RetentionDays).toBe(365);
    expect(Properties.ArchiveName.length).toBeLessThanOrEqual(48);
  });

  it('waits for the bus, which it names but does not refer to', () => {
    const synthesis = synthesise();
    const bus = synthesis.one('AWS::Events::EventBus', ({ EventSourceName }) => EventSourceName !== undefined);
    const archive = synthesis.one('AWS::Events::Archive') as Resource & { DependsOn: string[] };
    expect(archive.DependsOn).toContain(synthesis.idOf(bus));
  });

  it('is encrypted with the customer key, which `bus.archive()` would drop', () => {
    const synthesis = synthesise({ createKmsKey: 'true' });
    expect(synthesis.referred(synthesis.one('AWS::Events::Archive').Properties.KmsKeyIdentifier).Type).toBe(
      'AWS::KMS::Key',
    );
  });
});

describe('the rules on the partner bus', () => {
  it('are one for each worker, and for the audit trail one for each share of a family, which are its groups', () => {
    expect(partnerRules({}).map(({ Properties }) => Properties.Name)).toEqual([
      ...workers.map((worker) => `huntaze-stripe-${worker}-dev`),
      ...auditShares.map(({ family, share }) => `huntaze-stripe-audit-${family}-${share}-dev`),
    ]);
  });

  it.each(routedEventTypes)('%s reaches its worker and no other', (type) => {
    expect(namesOfRulesThatMatch(type).filter((name) => !name.includes('audit'))).toEqual([
      `huntaze-stripe-${workerOf(type)}-dev`,
    ]);
  });

  it.each([...routedEventTypes, 'v2.core.event_destination.ping', 'invoice.created', 'a.type.of.tomorrow'])(
    '%s is audited exactly once, whatever its envelope’s id ends with',
    (type) => {
      for (const last of [...'0123456789abcdef', 'A', 'z', '']) {
        const audited = namesOfRulesThatMatch(type, `6a7e8feb-b491-4cf7-a9f1-bf370346771${last}`);
        expect([last, audited.filter((name) => name.includes('audit')).length]).toEqual([last, 1]);
      }
    },
  );

  it('divide the audit trail evenly: ten of a group at a time are all that a FIFO queue hands out', () => {
    const groups = [...'0123456789abcdef'].map((last) =>
      namesOfRulesThatMatch('invoice.paid', last).find((name) => name.includes('audit')),
    );
    const sizes = [...Map.groupBy(groups, (name) => name).values()].map(({ length }) => length);
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
  });

  it('are no more than an alarm can add up: a worker more takes its shares from the others', () => {
    expect(() => checkShares({ payments: 3, billing: 3, credits: 1, other: 2 })).not.toThrow();
    expect(() => checkShares({ payments: 4, billing: 4, credits: 1, other: 2 })).toThrow(
      'The audit trail divides its events into payments 4, billing 4, credits 1, other 2: the alarm events-lost-audit would add up 11 metrics, ' +
        'and 10 are the most. Give a family fewer shares: sharesOf in lib/audit-trail.ts.',
    );
    // Ten shares, and a rule of each of three workers beside the eight of theirs.
    expect(() => checkShares({ payments: 4, billing: 3, credits: 1, other: 2 })).toThrow(
      'rule-disabled would add up 11 metrics',
    );
  });

  it.each(deployments)('have patterns within 2048 characters, which synth does not check (%s)', (_, context) => {
    for (const { Properties } of partnerRules(context)) {
      expect(JSON.stringify(Properties.EventPattern).length).toBeLessThanOrEqual(2048);
    }
  });
});

describe('every rule', () => {
  it.each(deployments)('has a standard queue of its own for what it cannot deliver (%s)', (_, context) => {
    const synthesis = synthesise(context);
    for (const rule of rulesToQueues(context)) {
      const [target] = rule.Properties.Targets;
      const queue = synthesis.referred(target.DeadLetterConfig?.Arn);
      expect(queue.Type).toBe('AWS::SQS::Queue');
      expect(queue.Properties.FifoQueue).toBeUndefined();
      expect(idIn(target.DeadLetterConfig.Arn)).not.toBe(target.Arn['Fn::GetAtt'][0]);
    }
  });

  // Too little, and EventBridge drops what it may not send. Too much, and whoever may write a rule says who has paid.
  it.each(deployments)(
    'may send to its queues, and no other rule may, with a customer key as without (%s)',
    (_, context) => {
      const synthesis = synthesise(context);
      const wanted = new Map<string, Set<string>>();
      for (const rule of rulesToQueues(context)) {
        const [target] = rule.Properties.Targets;
        for (const reference of [target.Arn, target.DeadLetterConfig.Arn]) {
          if (synthesis.referred(reference).Type !== 'AWS::SQS::Queue') continue;
          wanted.set(idIn(reference), (wanted.get(idIn(reference)) ?? new Set()).add(rule.Properties.Name));
        }
      }
      for (const [id, queue] of synthesis.all('AWS::SQS::Queue')) {
        if (queue.Properties.QueueName.includes('-bus-undelivered-')) continue;
        const allowed = synthesis.statementsOfQueue(queue).filter(({ Effect }) => Effect === 'Allow');
        for (const { Principal, Action, Condition } of allowed) {
          expect(Principal).toEqual({ Service: 'events.amazonaws.com' });
          expect(listed(Action)).toEqual(['sqs:SendMessage']);
          expect(Object.keys(Condition)).toEqual(['ArnEquals']);
          expect(Object.keys(Condition.ArnEquals)).toEqual(['aws:SourceArn']);
        }
        const sources = allowed.flatMap(({ Condition }) => listed(Condition.ArnEquals['aws:SourceArn']));
        expect(sources.map((arn) => ruleNamed(synthesis, arn)).sort()).toEqual([...(wanted.get(id) ?? [])].sort());
        // SQS takes a policy of 20 statements.
        expect(synthesis.statementsOfQueue(queue).length).toBeLessThanOrEqual(20);
      }
    },
  );

  it('is made after the policies that let it send: EventBridge does not try again what it may not deliver', () => {
    const synthesis = synthesise(everything('prod'));
    for (const rule of partnerRules(everything('prod')) as (Resource & { DependsOn?: string | string[] })[]) {
      const queues = [rule.Properties.Targets[0].Arn, rule.Properties.Targets[0].DeadLetterConfig.Arn].map(idIn);
      const policies = synthesis
        .all('AWS::SQS::QueuePolicy')
        .filter(([, { Properties }]) => queues.includes(Properties.Queues[0].Ref))
        .map(([id]) => id);
      expect(policies).toHaveLength(2);
      expect(listed(rule.DependsOn ?? [])).toEqual(expect.arrayContaining(policies));
    }
  });

  it.each(deployments)(
    'gives a FIFO target a group and content for an identity, which synth does not check (%s)',
    (_, context) => {
      const synthesis = synthesise(context);
      const groups: string[] = [];
      for (const rule of rulesToQueues(context)) {
        const [target] = rule.Properties.Targets;
        const queue = synthesis.referred(target.Arn);
        if (!queue.Properties.FifoQueue) {
          expect(target.SqsParameters).toBeUndefined();
          continue;
        }
        expect(queue.Properties.ContentBasedDeduplication).toBe(true);
        // EventBridge takes a path literally: every message of the rule would carry the group "$.detail.id".
        expect(target.SqsParameters.MessageGroupId).toMatch(/^[a-z]+-\d$/);
        groups.push(target.SqsParameters.MessageGroupId);
      }
      const of = (family: string, count: number) =>
        Array.from({ length: count }, (_, index) => `${family}-${index + 1}`);
      expect(groups).toEqual([...of('payments', 4), ...of('billing', 4), ...of('other', 2)]);
    },
  );
});

/** All but the one that pages; that one's target is a topic. */
const rulesToQueues = (context: Record<string, unknown>): Resource[] =>
  synthesise(context)
    .all('AWS::Events::Rule')
    .map(([, rule]) => rule)
    .filter(({ Properties }) => !/-(key-loss|hand-made-changes|deployment)-/.test(Properties.Name));

/** The name of the rule that an ARN is of: a reference to it, or the ARN spelled out with the partner bus in it. */
function ruleNamed(synthesis: Synthesis, arn: unknown): string {
  const { 'Fn::GetAtt': attribute, 'Fn::Join': join } = arn as {
    'Fn::GetAtt'?: [string, string];
    'Fn::Join'?: [string, unknown[]];
  };
  if (attribute) return synthesis.byId(attribute[0]).Properties.Name;
  const text = join![1].map((part) => (typeof part === 'string' ? part : `<${idIn(part)}>`)).join('');
  const prefix = 'arn:<AWS::Partition>:events:<AWS::Region>:<AWS::AccountId>:rule/';
  const bus = [eventSource, '<IntakeBus81FDE4B9>'].find((name) => text.startsWith(`${prefix}${name}/`));
  return bus === undefined ? `not a rule: ${text}` : text.slice(`${prefix}${bus}/`.length);
}

/** Names of the rules that take such an event. */
const namesOfRulesThatMatch = (type: string, id = '6a7e8feb-b491-4cf7-a9f1-bf3703467718'): string[] =>
  partnerRules({})
    .filter(({ Properties }) => compilePattern(Properties.EventPattern)({ id, 'detail-type': type }))
    .map(({ Properties }) => Properties.Name);
