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
    ['AWS::SecretsManager::Secret', 'KmsKeyId', 1],
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
  const sourceAccount = { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } };

  it('EventBridge look at it in a statement without conditions: that call has no encryption context', () => {
    expect(keyGrants('events.amazonaws.com')).toContainEqual({
      Effect: 'Allow',
      Action: 'kms:DescribeKey',
      Principal: { Service: 'events.amazonaws.com' },
      Resource: '*',
    });
  });

  it('EventBridge fill the dead-letter queues of rules; CDK grants that for targets only', () => {
    // Exactly these two: what CDK adds for target queues happens to suffice today, and is not what we rely on.
    expect(keyGrants('events.amazonaws.com')).toContainEqual(
      expect.objectContaining({ Action: ['kms:Decrypt', 'kms:GenerateDataKey*'], Condition: sourceAccount }),
    );
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

  it('alarms publish to their encrypted topics', () => {
    expect(keyGrants('cloudwatch.amazonaws.com').flatMap(({ Action }) => listed(Action))).toEqual(
      expect.arrayContaining(['kms:Decrypt', 'kms:GenerateDataKey*']),
    );
  });

  it('API connections use it, which takes a tag', () => {
    expect(withKey().one('AWS::KMS::Key').Properties.Tags).toContainEqual({
      Key: 'EventBridgeApiDestinations',
      Value: 'true',
    });
  });

  it('every function use it', () => {
    for (const [, { Properties }] of withKey().all('AWS::Lambda::Function')) {
      const [role] = Properties.Role['Fn::GetAtt'];
      const actions = withKey()
        .all('AWS::IAM::Policy')
        .filter(([, policy]) => policy.Properties.Roles.some(({ Ref }: { Ref: string }) => Ref === role))
        .flatMap(([, policy]) => policy.Properties.PolicyDocument.Statement)
        .filter(({ Resource }) => JSON.stringify(Resource).includes(keyId()))
        .flatMap(({ Action }) => Action);
      expect(actions).toEqual(expect.arrayContaining(['kms:Decrypt', 'kms:GenerateDataKey']));
    }
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
