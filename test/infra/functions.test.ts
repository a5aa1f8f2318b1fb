import { functionNames, workers } from '../../core/workers.ts';
import { reconcileEnv } from '../../lambdas/env.ts';
import { deployments, eventSource, synthesise } from './synthesis.ts';

const functionsOf = (context: Record<string, unknown>) => synthesise(context).all('AWS::Lambda::Function');
const functionNamed = (name: string) =>
  synthesise().one('AWS::Lambda::Function', ({ FunctionName }) => FunctionName === `huntaze-stripe-${name}-dev`)
    .Properties;

describe('every function', () => {
  it.each(deployments)('runs Node.js 24 on arm64 and logs JSON (%s)', (_, context) => {
    expect(functionsOf(context)).toHaveLength(functionNames.length);
    for (const [, { Properties }] of functionsOf(context)) {
      expect(Properties).toMatchObject({
        Runtime: 'nodejs24.x',
        Architectures: ['arm64'],
        Handler: 'index.handler',
        // Lambda's own lines of each start and end would be half of a quiet function's log.
        LoggingConfig: { LogFormat: 'JSON', SystemLogLevel: 'WARN' },
      });
      expect(Properties.FunctionName.length).toBeLessThanOrEqual(64);
    }
  });

  it.each(deployments)('writes to a log group of the usual name, kept for 120 days (%s)', (_, context) => {
    const synthesis = synthesise(context);
    for (const [, { Properties }] of functionsOf(context)) {
      const logGroup = synthesis.referred(Properties.LoggingConfig.LogGroup).Properties;
      expect(logGroup).toMatchObject({ LogGroupName: `/aws/lambda/${Properties.FunctionName}`, RetentionInDays: 120 });
    }
  });

  it.each(deployments)('gets no secret and no address for tests in its environment (%s)', (_, context) => {
    for (const [, { Properties }] of functionsOf(context)) {
      const names = Object.keys(Properties.Environment.Variables);
      expect(
        names.filter((name) => /^(DATABASE_URL|STRIPE_SECRET_KEY|API_KEY|STRIPE_API_BASE|AWS_ENDPOINT_URL)/.test(name)),
      ).toEqual([]);
      expect(JSON.stringify(Properties.Environment)).not.toContain('{{resolve:');
    }
  });
});

const powertools = (name: string) => ({
  POWERTOOLS_SERVICE_NAME: `stripe-${name}`,
  POWERTOOLS_METRICS_NAMESPACE: 'huntaze/stripe',
  POWERTOOLS_LOG_LEVEL: 'INFO',
});

it.each(workers)('the %s function gets what lambdas/env.ts says a worker needs', (name) => {
  const synthesis = synthesise();
  const { Environment, MemorySize, Timeout } = functionNamed(name);
  const referred = (variable: string) => synthesis.referred(Environment.Variables[variable]).Properties;
  expect(Environment.Variables).toMatchObject({
    ...powertools(name),
    ENVIRONMENT: 'dev',
    STRIPE_EVENT_SOURCE_NAMES: eventSource,
  });
  expect(Object.keys(Environment.Variables)).toHaveLength(12);
  expect(Environment.Variables.VERIFY_EVENTS).toBe('false');
  expect(Environment.Variables.PLAN_EVENT_SOURCE).toBe('huntaze.stripe');
  expect(referred('SECRET_ID').Name).toBe('huntaze/stripe/dev');
  expect(referred('IDEMPOTENCY_TABLE').TableName).toBe('huntaze-stripe-idempotency-dev');
  expect(referred('APP_BUS_NAME').Name).toBe('huntaze-stripe-plans-dev');
  expect(referred('WORK_QUEUE_URL').QueueName).toBe(`huntaze-stripe-${name}-dev`);
  expect(referred('FAILED_QUEUE_URL').QueueName).toBe(`huntaze-stripe-${name}-failed-dev`);
  expect([MemorySize, Timeout]).toEqual([512, 30]);
});

it('the audit function gets its bucket', () => {
  const { Environment, MemorySize, Timeout } = functionNamed('audit');
  expect(Environment.Variables).toEqual({
    ...powertools('audit'),
    AUDIT_BUCKET: { Ref: synthesise().idOf(synthesise().one('AWS::S3::Bucket')) },
    AUDIT_QUEUE_URL: expect.objectContaining({ Ref: expect.any(String) }),
    AUDIT_DRAIN_SECONDS: '60',
  });
  expect([MemorySize, Timeout]).toEqual([256, 30]);
});

it('the reconcile function gets what lambdas/env.ts says it needs, and time', () => {
  const { Environment, Timeout } = functionNamed('reconcile');
  expect(Object.keys(Environment.Variables).sort()).toEqual(
    [...reconcileEnv, ...Object.keys(powertools('reconcile'))].sort(),
  );
  expect(Timeout).toBe(900);
});

describe('the settings of the functions', () => {
  it('turn tracing on, with the rights for it, only where they say so', () => {
    const modes = (context: Record<string, unknown>) => [
      ...new Set(functionsOf(context).map(([, { Properties }]) => Properties.TracingConfig?.Mode)),
    ];
    expect(modes({})).toEqual([undefined]);
    expect(modes({ tracing: 'sampled' })).toEqual(['Active']);
  });

  it('say what is logged, and for how long', () => {
    const context = { logLevel: 'DEBUG', logRetentionDays: '30' };
    const synthesis = synthesise(context);
    for (const [, { Properties }] of functionsOf(context)) {
      expect(Properties.Environment.Variables.POWERTOOLS_LOG_LEVEL).toBe('DEBUG');
      expect(synthesis.referred(Properties.LoggingConfig.LogGroup).Properties.RetentionInDays).toBe(30);
    }
  });

  it('put those that need the database into a VPC, and no other', () => {
    const vpc = { subnetIds: ['subnet-0a1b2c3d', 'subnet-0a1b2c3e'], securityGroupIds: ['sg-0a1b2c3d'] };
    const placed = functionsOf({ vpc }).map(([, { Properties }]) => [Properties.FunctionName, Properties.VpcConfig]);
    const inside = { SubnetIds: vpc.subnetIds, SecurityGroupIds: vpc.securityGroupIds };
    expect(Object.fromEntries(placed)).toEqual({
      ...Object.fromEntries(workers.map((worker) => [`huntaze-stripe-${worker}-dev`, inside])),
      'huntaze-stripe-audit-dev': undefined,
      'huntaze-stripe-reconcile-dev': inside,
    });
    for (const [, { Properties }] of functionsOf({})) expect(Properties.VpcConfig).toBeUndefined();
  });
});
