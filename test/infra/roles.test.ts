import { capitalised, workers } from '../../core/workers.ts';
import { deployments, listed, synthesise } from './synthesis.ts';

interface Statement {
  Effect: string;
  Action: string | string[];
  Resource: unknown;
  Condition?: unknown;
}

const statementsOf = (context: Record<string, unknown>): Statement[] =>
  synthesise(context)
    .all('AWS::IAM::Policy')
    .flatMap(([, { Properties }]) => Properties.PolicyDocument.Statement);

describe('every role', () => {
  it.each(deployments)('names each action, without a wildcard (%s)', (_, context) => {
    expect(
      statementsOf(context)
        .flatMap(({ Action }) => listed(Action))
        .filter((action) => action.includes('*')),
    ).toEqual([]);
  });

  it.each(deployments)('names each resource (%s)', (_, context) => {
    expect(statementsOf(context).filter(({ Resource }) => listed(Resource).includes('*'))).toEqual([]);
  });

  it('may do on everything only what has no resource: traces and network interfaces, where the settings ask for them', () => {
    const vpc = { subnetIds: ['subnet-0a1b2c3d'], securityGroupIds: ['sg-0a1b2c3d'] };
    const onEverything = (context: Record<string, unknown>) =>
      new Set(
        statementsOf(context)
          .filter(({ Resource }) => listed(Resource).includes('*'))
          .flatMap(({ Action }) => listed(Action)),
      );
    expect([...onEverything({ tracing: 'sampled' })].sort()).toEqual([
      'xray:PutTelemetryRecords',
      'xray:PutTraceSegments',
    ]);
    expect(
      [...onEverything({ vpc })].every((action) => /^ec2:.*(NetworkInterface|PrivateIpAddresses|Subnets)/.test(action)),
    ).toBe(true);
  });

  it.each(deployments)('has no policy that AWS manages and none written into it (%s)', (_, context) => {
    for (const [, { Properties }] of synthesise(context).all('AWS::IAM::Role')) {
      expect(Properties.ManagedPolicyArns).toBeUndefined();
      expect(Properties.Policies).toBeUndefined();
    }
  });

  it.each(deployments)('is taken by one service only (%s)', (_, context) => {
    for (const [, { Properties }] of synthesise(context).all('AWS::IAM::Role')) {
      expect(Properties.AssumeRolePolicyDocument.Statement).toEqual([
        {
          Action: 'sts:AssumeRole',
          Effect: 'Allow',
          Principal: { Service: expect.stringMatching(/^(lambda|events)\.amazonaws\.com$/) },
        },
      ]);
    }
  });

  it.each(deployments)('may only add to the audit trail, never read or delete (%s)', (_, context) => {
    const actions = statementsOf(context)
      .flatMap(({ Action }) => listed(Action))
      .filter((action) => action.startsWith('s3:'));
    expect(new Set(actions)).toEqual(new Set(['s3:PutObject']));
  });
});

it.each(workers)('the %s function may do this and nothing else', (name) => {
  expect(mayDo(name)).toEqual([
    'dynamodb:DeleteItem Idempotency',
    'dynamodb:GetItem Idempotency',
    'dynamodb:PutItem Idempotency',
    'dynamodb:UpdateItem Idempotency',
    'events:PutEvents PlansAppBus',
    `logs:CreateLogStream ${capital(name)}HandlerLogs`,
    `logs:PutLogEvents ${capital(name)}HandlerLogs`,
    'secretsmanager:GetSecretValue Secret',
    `sqs:ChangeMessageVisibility ${capital(name)}Queue`,
    `sqs:DeleteMessage ${capital(name)}Queue`,
    `sqs:GetQueueAttributes ${capital(name)}Queue`,
    `sqs:ReceiveMessage ${capital(name)}Queue`,
    `sqs:SendMessage ${capital(name)}Failed`,
  ]);
});

it.each(workers)('the %s function reaches its own idempotency records only', (name) => {
  const reaches = statementsOfFunction(name).filter(({ Action }) =>
    listed(Action).some((action) => action.startsWith('dynamodb:')),
  );
  expect(reaches.map(({ Condition }) => Condition)).toEqual([
    { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': `${name}#*` } },
  ]);
});

it('the audit function may do this and nothing else', () => {
  expect(mayDo('audit')).toEqual([
    'logs:CreateLogStream AuditHandlerLogs',
    'logs:PutLogEvents AuditHandlerLogs',
    's3:PutObject AuditBucket',
    'sqs:ChangeMessageVisibility AuditQueue',
    'sqs:DeleteMessage AuditQueue',
    'sqs:GetQueueAttributes AuditQueue',
    'sqs:ReceiveMessage AuditQueue',
  ]);
});

it('the reconcile function may do this and nothing else', () => {
  expect(mayDo('reconcile')).toEqual([
    'logs:CreateLogStream ReconcileHandlerLogs',
    'logs:PutLogEvents ReconcileHandlerLogs',
    's3:PutObject AuditBucket',
    'secretsmanager:GetSecretValue Secret',
    ...[
      ...workers.flatMap((worker) => [
        `sqs:GetQueueAttributes ${capitalised(worker)}Queue`,
        `sqs:SendMessage ${capitalised(worker)}Queue`,
      ]),
      'sqs:SendMessage ReconcileFailed',
    ].sort(),
  ]);
});

/** What a function of dev may do, as `action resource`; a resource by its logical id without the hash. */
const mayDo = (name: string): string[] =>
  statementsOfFunction(name)
    .flatMap(({ Action, Resource }) =>
      listed(Action).flatMap((action) => listed(Resource).map((resource) => `${action} ${shortName(resource)}`)),
    )
    .sort();

function statementsOfFunction(name: string): Statement[] {
  const synthesis = synthesise();
  const { Role } = synthesis.one(
    'AWS::Lambda::Function',
    ({ FunctionName }) => FunctionName === `huntaze-stripe-${name}-dev`,
  ).Properties;
  const [roleId] = Role['Fn::GetAtt'];
  return synthesis
    .all('AWS::IAM::Policy')
    .filter(([, { Properties }]) => Properties.Roles.some(({ Ref }: { Ref: string }) => Ref === roleId))
    .flatMap(([, { Properties }]) => Properties.PolicyDocument.Statement as Statement[]);
}

function shortName(resource: unknown): string {
  if (resource === '*') return '*';
  const id = /"(?:Ref|Fn::GetAtt)":\[?"(\w+)"/.exec(JSON.stringify(resource))?.[1];
  return id?.replace(/[0-9A-F]{8}$/, '') ?? JSON.stringify(resource);
}

const capital = (word: string) => word[0]!.toUpperCase() + word.slice(1);
