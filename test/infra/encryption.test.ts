import { workers } from '../../core/workers.ts';
import { everything, idIn, listed, synthesise } from './synthesis.ts';

const withKey = () => synthesise(everything('prod'));
const keyId = () => withKey().idOf(withKey().one('AWS::KMS::Key'));
const keyGrants = (service: string) =>
  withKey().keyStatements.filter(({ Principal }) =>
    listed(Principal.Service).some((name) => JSON.stringify(name)?.includes(service)),
  );

it('makes no key unless asked to', () => {
  expect(synthesise().all('AWS::KMS::Key')).toEqual([]);
});

describe('the customer key', () => {
  it('rotates, and stays in prod, since what it encrypted stays', () => {
    const key = withKey().one('AWS::KMS::Key');
    expect(key.Properties.EnableKeyRotation).toBe(true);
    expect([key.DeletionPolicy, key.UpdateReplacePolicy]).toEqual(['RetainExceptOnCreate', 'Retain']);
  });

  it.each([
    ['AWS::Events::EventBus', 'KmsKeyIdentifier', 2],
    ['AWS::Events::Archive', 'KmsKeyIdentifier', 1],
    ['AWS::Events::Connection', 'KmsKeyIdentifier', 1],
    ['AWS::DynamoDB::Table', 'SSESpecification.KMSMasterKeyId', 1],
    ['AWS::SecretsManager::Secret', 'KmsKeyId', 2],
    ['AWS::Logs::LogGroup', 'KmsKeyId', 4],
    ['AWS::Lambda::Function', 'KmsKeyArn', 4],
    [
      'AWS::S3::Bucket',
      'BucketEncryption.ServerSideEncryptionConfiguration.0.ServerSideEncryptionByDefault.KMSMasterKeyID',
      1,
    ],
  ])('encrypts every %s (%s)', (type, path, count) => {
    const resources = withKey().all(type);
    expect(resources).toHaveLength(count);
    for (const [, { Properties }] of resources) expect(idIn(valueAt(Properties, path))).toBe(keyId());
  });

  it('encrypts every queue but the one that takes what the key could not encrypt', () => {
    const others = withKey()
      .all('AWS::SQS::Queue')
      .filter(([, { Properties }]) => JSON.stringify(Properties.KmsMasterKeyId)?.includes(keyId()) !== true)
      .map(([, { Properties }]) => Properties.QueueName);
    expect(others).toEqual(['huntaze-stripe-bus-undelivered-prod']);
  });
});

describe('the key lets', () => {
  it('EventBridge look at it in a statement without conditions: that call has no encryption context', () => {
    expect(keyGrants('events.amazonaws.com')).toContainEqual({
      Effect: 'Allow',
      Action: 'kms:DescribeKey',
      Principal: { Service: 'events.amazonaws.com' },
      Resource: '*',
    });
  });

  it('EventBridge fill every queue of the pipeline and no other, whatever EventBridge says of itself', () => {
    const [grant, ...more] = keyGrants('events.amazonaws.com').filter(({ Condition }) =>
      JSON.stringify(Condition)?.includes('aws:sqs:arn'),
    );
    expect(more).toEqual([]);
    expect(grant).toMatchObject({ Effect: 'Allow', Action: ['kms:Decrypt', 'kms:GenerateDataKey*'] });
    expect(Object.keys(grant.Condition)).toEqual(['ArnLike']);
    const patterns = grant.Condition.ArnLike['kms:EncryptionContext:aws:sqs:arn'].map((arn: unknown) =>
      JSON.stringify(arn).replace(/^.*:/, '').replace(/".*$/, ''),
    );
    expect(patterns).toEqual(['huntaze-stripe-*-prod', 'huntaze-stripe-*-prod.fifo']);
    const covered = (name: string) =>
      patterns.some((pattern: string) => new RegExp(`^${pattern.replace('*', '[^/]+')}$`).test(name));
    for (const [, { Properties }] of withKey().all('AWS::SQS::Queue'))
      expect([Properties.QueueName, covered(Properties.QueueName)]).toEqual([Properties.QueueName, true]);
  });

  it.each(['aws.partner/stripe.com/ed_61abc', 'huntaze-stripe-plans-prod'])('the bus %s encrypt its events', (name) => {
    const grants = keyGrants('events.amazonaws.com').filter(({ Condition }) =>
      JSON.stringify(Condition?.StringEquals?.['kms:EncryptionContext:aws:events:event-bus:arn'])?.includes(
        `event-bus/${name}`,
      ),
    );
    const actions = grants.flatMap(({ Action }) => listed(Action));
    expect(actions).toEqual(expect.arrayContaining(['kms:Decrypt', 'kms:GenerateDataKey']));
  });

  it('the archive encrypt what it keeps', () => {
    expect(keyGrants('events.amazonaws.com').flatMap(({ Action }) => listed(Action))).toContain('kms:ReEncrypt*');
  });

  it('CloudWatch encrypt the functions’ logs, and no others', () => {
    const [grant] = keyGrants('logs.');
    expect(JSON.stringify(grant.Condition.ArnLike['kms:EncryptionContext:aws:logs:arn'])).toContain(
      ':log-group:/aws/lambda/huntaze-stripe-*-prod',
    );
  });

  it('API connections use it, which takes a tag', () => {
    expect(withKey().one('AWS::KMS::Key').Properties.Tags).toContainEqual({
      Key: 'EventBridgeApiDestinations',
      Value: 'true',
    });
  });

  it.each<[name: string, more: string[]]>([
    ...workers.map((name): [string, string[]] => [name, ['DescribeKey', 'Encrypt', 'ReEncryptFrom', 'ReEncryptTo']]),
    ['audit', []],
    ['reconcile', []],
  ])('%s read, have data keys made, and what its table asks for', (name, more) => {
    const fn = withKey().one(
      'AWS::Lambda::Function',
      ({ FunctionName }) => FunctionName === `huntaze-stripe-${name}-prod`,
    );
    const role = idIn(fn.Properties.Role);
    const actions = withKey()
      .all('AWS::IAM::Policy')
      .filter(([, policy]) => policy.Properties.Roles.some(({ Ref }: { Ref: string }) => Ref === role))
      .flatMap(([, policy]) => policy.Properties.PolicyDocument.Statement)
      .filter(({ Resource }) => JSON.stringify(Resource).includes(keyId()))
      .flatMap(({ Action }) => Action);
    expect(actions.sort()).toEqual(['Decrypt', 'GenerateDataKey', ...more].map((action) => `kms:${action}`).sort());
  });
});

describe('the loss of the key', () => {
  it('is told by topics that do not need it', () => {
    const topics = withKey().all('AWS::SNS::Topic');
    expect(topics).toHaveLength(2);
    for (const [, { Properties }] of topics) expect(Properties.KmsMasterKeyId).toBeUndefined();
  });

  it('pages as soon as somebody disables the key or schedules its deletion', () => {
    const rule = withKey().one('AWS::Events::Rule', ({ Name }) => Name === 'huntaze-stripe-key-loss-prod').Properties;
    // No bus of its own: AWS's events are on the default one.
    expect(rule.EventBusName).toBeUndefined();
    expect(rule.EventPattern).toEqual({
      source: ['aws.kms'],
      'detail-type': ['AWS API Call via CloudTrail'],
      detail: {
        eventName: ['DisableKey', 'ScheduleKeyDeletion'],
        requestParameters: { keyId: [{ Ref: keyId() }, { 'Fn::GetAtt': [keyId(), 'Arn'] }] },
        errorCode: [{ exists: false }],
      },
    });
    const [target] = rule.Targets;
    const page = withKey().referred(target.Arn);
    expect(page.Properties.TopicName).toBe('huntaze-stripe-page-prod');
    expect(JSON.stringify(target.InputTransformer)).toContain('runbooks/undelivered.md');
    const policy = withKey().one('AWS::SNS::TopicPolicy', ({ Topics }) => idIn(Topics[0]) === withKey().idOf(page));
    expect(policy.Properties.PolicyDocument.Statement).toContainEqual(
      expect.objectContaining({
        Effect: 'Allow',
        Action: 'sns:Publish',
        Principal: { Service: 'events.amazonaws.com' },
      }),
    );
  });

  it('is nobody’s concern without a key', () => {
    expect(
      synthesise({ environment: 'prod' })
        .all('AWS::Events::Rule')
        .map(([, { Properties }]) => Properties.Name),
    ).not.toContain('huntaze-stripe-key-loss-prod');
  });
});

describe('a bus with a customer key', () => {
  it('has a queue for what it cannot encrypt, and may send there', () => {
    const buses = withKey().all('AWS::Events::EventBus');
    const queue = withKey().queue('huntaze-stripe-bus-undelivered-prod');
    for (const [, { Properties }] of buses) expect(withKey().referred(Properties.DeadLetterConfig.Arn)).toBe(queue);
    const allowed = withKey()
      .statementsOfQueue(queue)
      .filter(({ Effect }) => Effect === 'Allow');
    expect(allowed).toEqual([
      expect.objectContaining({ Action: 'sqs:SendMessage', Principal: { Service: 'events.amazonaws.com' } }),
    ]);
    const sources = JSON.stringify(allowed[0].Condition.ArnEquals['aws:SourceArn']);
    expect(sources).toContain('event-bus/aws.partner/stripe.com/ed_61abc');
    expect(sources).toContain('event-bus/huntaze-stripe-plans-prod');
  });
});

function valueAt(value: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((inner, step) => (inner as Record<string, unknown> | undefined)?.[step], value);
}
