import { capitalised, workers } from '../../core/workers.ts';
import { promisedOutputs } from '../../lib/outputs.ts';
import { readSettings } from '../../lib/settings.ts';
import { StripePipelineStack } from '../../lib/stripe-pipeline-stack.ts';
import { eventSource, everything, newApp, synthesise } from './synthesis.ts';

/** Written out once, because people and their scripts know these names: a change of one is a change for them. */
const ofAWorker = ['FailedQueueUrl', 'FunctionName', 'MappingId', 'QueueUrl', 'RuleArn', 'UndeliveredQueueUrl'];
const always = [
  ...workers.flatMap((worker) => ofAWorker.map((part) => `${capitalised(worker)}${part}`)),
  'AlarmTopicArn',
  'ApiKeySecretArn',
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
  'Settings',
  'StripeEventBusArn',
  'StripeEventBusName',
  'StripeEventSourceName',
].sort();

it('says where everything is', () => {
  expect(Object.keys(synthesise().json.Outputs).sort()).toEqual(always);
});

it('promises the verbs exactly what every deployment has', () => {
  // What the verbs can do without: a deployment from before may lack it.
  expect([...promisedOutputs].sort()).toEqual(always.filter((name) => name !== 'Settings'));
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

describe('a synth of prod', () => {
  const warnings = (settings: Record<string, unknown>, commandLine: Record<string, unknown> = {}) => {
    const app = newApp(settings, commandLine);
    return new StripePipelineStack(app, readSettings(app.node.getAllContext())).node.metadata
      .filter(({ type }) => type === 'aws:cdk:warning')
      .map(({ data }) => String(data));
  };
  const heard = { alarmEmail: 'oncall@example.com' };
  const testMode = 'aws.partner/stripe.com/ed_test_61abc';

  it('warns when it listens to test mode, whose events it would ignore', () => {
    expect(warnings({ environment: 'prod', stripeEventSourceName: testMode, ...heard })).toEqual([
      expect.stringContaining('Give the destination of the live mode.'),
    ]);
    expect(warnings({ stripeEventSourceName: testMode })).toEqual([]);
    expect(warnings({ environment: 'prod', ...heard })).toEqual([]);
  });

  it('warns when nobody hears its alarms', () => {
    expect(warnings({ environment: 'prod' })).toEqual([expect.stringMatching(/^Nobody hears the alarms of prod\./)]);
    expect(warnings({ environment: 'staging' })).toEqual([]);
  });

  it('warns of what -c gives instead of the settings file', () => {
    expect(warnings({ environment: 'prod', ...heard }, { createKmsKey: 'true' })).toEqual([
      expect.stringMatching(/^-c createKmsKey=true is in no file: .* into config\/environments\/prod\.yaml\./),
    ]);
  });
});

it('keeps the settings of the deployment as an output, and nothing secret', () => {
  const { Value } = synthesise(everything('prod')).json.Outputs.Settings;
  expect(JSON.parse(Value)).toMatchObject({
    environment: 'prod',
    appName: 'huntaze',
    stripeEventSourceName: eventSource,
    adoptEventBus: false,
    createKmsKey: true,
    alarmEmail: 'oncall@example.com',
    apiUrl: 'https://api.example.com/plans',
    logLevel: 'INFO',
    logRetentionDays: 120,
    archiveRetentionDays: 365,
    auditRetentionDays: 365,
    tracing: 'off',
  });
  for (const name of ['catalogue', 'databaseCa', 'overrides']) expect(JSON.parse(Value)).not.toHaveProperty(name);
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
    expect(JSON.stringify(ApiKeyValue)).toMatch(/\{\{resolve:secretsmanager:.*ApiKey.*:SecretString:API_KEY::\}\}/);
  });

  it('is not there without apiUrl', () => {
    for (const type of ['AWS::Events::ApiDestination', 'AWS::Events::Connection'])
      expect(synthesise().all(type)).toEqual([]);
  });
});

it('takes nothing from the internet', () => {
  const types = Object.values(synthesise(everything('prod')).json.Resources as Record<string, { Type: string }>).map(
    ({ Type }) => Type,
  );
  expect(types.filter((type) => /ApiGateway|Lambda::Url|LoadBalancer|CloudFront|EC2/.test(type))).toEqual([]);
});
