import { eventRoutes } from '../../core/event-routes.ts';
import { deployments, eventSource, idIn, listed, type Resource, synthesise } from './synthesis.ts';

const partnerRules = (context: Record<string, unknown>) =>
  synthesise(context)
    .all('AWS::Events::Rule')
    .map(([, rule]) => rule)
    .filter(
      ({ Properties }) => !Properties.ScheduleExpression && !JSON.stringify(Properties.EventBusName).includes('AppBus'),
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
      Array(5).fill(eventSource),
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
  it.each(deployments)('keeps every event for good, under a name within the limit (%s)', (_, context) => {
    const { Properties } = synthesise(context).one('AWS::Events::Archive');
    expect(Properties.EventPattern).toBeUndefined();
    expect(Properties.RetentionDays).toBe(0);
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
  it('are one for each worker and one for each family of the audit trail', () => {
    expect(partnerRules({}).map(({ Properties }) => Properties.Name)).toEqual([
      'huntaze-stripe-payments-dev',
      'huntaze-stripe-billing-dev',
      'huntaze-stripe-audit-payments-dev',
      'huntaze-stripe-audit-billing-dev',
      'huntaze-stripe-audit-other-dev',
    ]);
  });

  it.each(Object.entries(eventRoutes))('%s reaches the %s worker and no other', (type, worker) => {
    expect(namesOfRulesThatMatch(type).filter((name) => !name.includes('audit'))).toEqual([
      `huntaze-stripe-${worker}-dev`,
    ]);
  });

  it.each([...Object.keys(eventRoutes), 'v2.core.event_destination.ping', 'invoice.created', 'a.type.of.tomorrow'])(
    '%s is audited exactly once',
    (type) => {
      expect(namesOfRulesThatMatch(type).filter((name) => name.includes('audit'))).toHaveLength(1);
    },
  );

  it.each(deployments)('have patterns within 2048 characters, which synth does not check (%s)', (_, context) => {
    for (const { Properties } of partnerRules(context)) {
      expect(JSON.stringify(Properties.EventPattern).length).toBeLessThanOrEqual(2048);
    }
  });
});

describe('every rule', () => {
  it.each(deployments)('has a standard queue for what it cannot deliver, and may send there (%s)', (_, context) => {
    const synthesis = synthesise(context);
    for (const [id, rule] of synthesis.all('AWS::Events::Rule')) {
      expect(listed(rule.Properties.Targets)).toHaveLength(1);
      const [target] = rule.Properties.Targets;
      const queue = synthesis.referred(target.DeadLetterConfig?.Arn);
      expect(queue.Type).toBe('AWS::SQS::Queue');
      expect(queue.Properties.FifoQueue).toBeUndefined();
      expect(idIn(target.DeadLetterConfig.Arn)).not.toBe(target.Arn['Fn::GetAtt'][0]);
      // Without this statement EventBridge drops what it cannot deliver, although a queue is configured.
      expect(synthesis.statementsOfQueue(queue)).toContainEqual(
        expect.objectContaining({
          Effect: 'Allow',
          Action: 'sqs:SendMessage',
          Principal: { Service: 'events.amazonaws.com' },
          Condition: { ArnEquals: { 'aws:SourceArn': { 'Fn::GetAtt': [id, 'Arn'] } } },
        }),
      );
    }
  });

  it.each(deployments)('may send to its target queue (%s)', (_, context) => {
    const synthesis = synthesise(context);
    for (const [id, rule] of synthesis.all('AWS::Events::Rule')) {
      const target = synthesis.referred(rule.Properties.Targets[0].Arn);
      if (target.Type !== 'AWS::SQS::Queue') continue;
      const allowed = synthesis
        .statementsOfQueue(target)
        .filter(({ Effect, Principal }) => Effect === 'Allow' && Principal.Service === 'events.amazonaws.com');
      const conditions = allowed.map(({ Condition }) => JSON.stringify(Condition));
      expect(allowed.flatMap(({ Action }) => listed(Action))).toContain('sqs:SendMessage');
      // With a customer key CDK asks for the account instead of the rule; never for nothing.
      expect(conditions.some((text) => text.includes(`"${id}"`) || text.includes('aws:SourceAccount'))).toBe(true);
    }
  });

  it.each(deployments)(
    'gives a FIFO target a group and content for an identity, which synth does not check (%s)',
    (_, context) => {
      const synthesis = synthesise(context);
      const groups: string[] = [];
      for (const [, rule] of synthesis.all('AWS::Events::Rule')) {
        const [target] = rule.Properties.Targets;
        const queue = synthesis.referred(target.Arn);
        if (!queue.Properties.FifoQueue) {
          expect(target.SqsParameters).toBeUndefined();
          continue;
        }
        expect(queue.Properties.ContentBasedDeduplication).toBe(true);
        // EventBridge takes a path literally: every message of the rule would carry the group "$.detail.id".
        expect(target.SqsParameters.MessageGroupId).toMatch(/^[a-z]+$/);
        groups.push(target.SqsParameters.MessageGroupId);
      }
      expect(groups).toEqual(['payments', 'billing', 'other']);
    },
  );
});

/** Names of the rules whose pattern this type matches: `[a, b]` is a list, `[{ anything-but: … }]` its opposite. */
function namesOfRulesThatMatch(type: string): string[] {
  return partnerRules({})
    .filter(({ Properties }) => {
      expect(Object.keys(Properties.EventPattern)).toEqual(['detail-type']);
      const [first] = Properties.EventPattern['detail-type'];
      if (typeof first === 'string') return Properties.EventPattern['detail-type'].includes(type);
      expect(Object.keys(first)).toEqual(['anything-but']);
      return !first['anything-but'].includes(type);
    })
    .map(({ Properties }) => Properties.Name);
}
