import { capitalised, workers } from '../../core/workers.ts';
import { promisedOutputs } from '../../lib/outputs.ts';
import { everything, synthesise } from './synthesis.ts';

/** Written out once, because people and their scripts know these names: a change of one is a change for them. */
const ofAWorker = ['FailedQueueUrl', 'FunctionName', 'MappingId', 'QueueUrl', 'RuleArn', 'UndeliveredQueueUrl'];
const always = [
  ...workers.flatMap((worker) => ofAWorker.map((part) => `${capitalised(worker)}${part}`)),
  'AlarmTopicArn',
  'AppBusName',
  'ArchiveArn',
  'ArchiveName',
  'AuditBucketName',
  'AuditFailedQueueUrl',
  'AuditFunctionName',
  'AuditMappingId',
  'AuditQueueUrl',
  'AuditRuleArns',
  'AuditUndeliveredQueueUrl',
  'CodeVersion',
  'DashboardName',
  'IdempotencyTableName',
  'ReconcileFailedQueueUrl',
  'ReconcileFunctionName',
  'SecretArn',
  'StripeEventBusArn',
  'StripeEventBusName',
  'StripeEventSourceName',
].sort();

it('says where everything is', () => {
  expect(Object.keys(synthesise().json.Outputs).sort()).toEqual(always);
});

it('promises the verbs exactly what every deployment has', () => {
  expect([...promisedOutputs].sort()).toEqual(always);
  expect(always).toContain('BillingUndeliveredQueueUrl');
});

it('says where the optional parts are when they are there', () => {
  expect(Object.keys(synthesise(everything('prod')).json.Outputs).sort()).toEqual(
    [...always, 'ApiConnectionName', 'ApiUndeliveredQueueUrl', 'BusUndeliveredQueueUrl'].sort(),
  );
});

it('is a stack of the foreseen name, with a description', () => {
  const { stack, json } = synthesise(everything('prod'));
  expect(stack.stackName).toBe('huntaze-stripe-prod');
  expect(json.Description).toBe('Stripe events to plan state in Supabase (huntaze, prod)');
});

it('warns when prod listens to test mode, whose events it would ignore', () => {
  const printed = jest.spyOn(console, 'error').mockImplementation(() => {});
  const testMode = 'aws.partner/stripe.com/ed_test_61abc';
  const warnings = (context: Record<string, unknown>) =>
    synthesise(context)
      .stack.node.metadata.filter(({ type }) => type === 'aws:cdk:warning')
      .map(({ data }) => String(data));
  expect(warnings({ environment: 'prod', stripeEventSourceName: testMode })).toEqual([
    expect.stringContaining('Pass the destination of the live mode.'),
  ]);
  expect(warnings({ stripeEventSourceName: testMode })).toEqual([]);
  expect(warnings({ environment: 'prod' })).toEqual([]);
  printed.mockRestore();
});

describe('the API destination', () => {
  it('posts plan events, and nothing else, with the key of the secret', () => {
    const synthesis = synthesise(everything('prod'));
    const rule = synthesis.one('AWS::Events::Rule', ({ Name }) => Name === 'huntaze-stripe-api-prod').Properties;
    expect(rule.EventPattern).toEqual({ source: ['huntaze.stripe'] });
    expect(rule.Targets[0].InputPath).toBe('$.detail');
    expect(synthesis.referred(rule.EventBusName).Properties.Name).toBe('huntaze-stripe-plans-prod');
    const { InvocationEndpoint, HttpMethod } = synthesis.one('AWS::Events::ApiDestination').Properties;
    expect([InvocationEndpoint, HttpMethod]).toEqual(['https://api.example.com/plans', 'POST']);
    // A reference that CloudFormation resolves: the value itself never stands in a template.
    const { ApiKeyName, ApiKeyValue } =
      synthesis.one('AWS::Events::Connection').Properties.AuthParameters.ApiKeyAuthParameters;
    expect(ApiKeyName).toBe('x-api-key');
    expect(JSON.stringify(ApiKeyValue)).toMatch(/\{\{resolve:secretsmanager:.*:SecretString:API_KEY::\}\}/);
  });

  it('is not there without apiUrl', () => {
    for (const type of ['AWS::Events::ApiDestination', 'AWS::Events::Connection'])
      expect(synthesise().all(type)).toEqual([]);
  });
});

it('opens no door to the internet', () => {
  const types = Object.values(synthesise(everything('prod')).json.Resources as Record<string, { Type: string }>).map(
    ({ Type }) => Type,
  );
  expect(types.filter((type) => /ApiGateway|Lambda::Url|LoadBalancer|CloudFront|EC2/.test(type))).toEqual([]);
});
