import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { recipes } from '../deploy/runbook-commands.ts';
import { deployments, eventSource, everything, type Resource, root, synthesise } from './synthesis.ts';

/** What a deployment must not lose. A changed id here means: CloudFormation makes a new one and forgets the old. */
const statefulIds = {
  'AWS::Events::EventBus': ['IntakeBus81FDE4B9', 'PlansAppBusB4D5404D'],
  'AWS::Events::Archive': ['IntakeArchiveCD46AE88'],
  'AWS::S3::Bucket': ['AuditBucket7486E833'],
  'AWS::DynamoDB::Table': ['IdempotencyC15CBC33'],
  'AWS::KMS::Key': ['Key961B73FD'],
  'AWS::SecretsManager::Secret': ['ApiKeyF9DDEE66', 'SecretA720EF05'],
};

it.each(Object.entries(statefulIds))(
  'keeps the logical ids of %s, so that an update never replaces it',
  (type, ids) => {
    for (const environment of ['dev', 'staging', 'prod']) {
      const found = synthesise(everything(environment))
        .all(type)
        .map(([id]) => id);
      expect(found.sort()).toEqual(ids);
    }
  },
);

/** One more worker: its three ids are written down here once, before it is first deployed. The test prints them. */
const queueIds = [
  'AuditFailed3A4F03AC',
  'AuditQueue405FAD88',
  'AuditUndelivered6C71341C',
  'BillingFailed4543B6A6',
  'BillingQueue8B703BAB',
  'BillingUndelivered38374617',
  'KeyFailures051040C5',
  'PaymentsFailed89F4F5F1',
  'PaymentsQueueC485226B',
  'PaymentsUndelivered85729986',
  'PlansApiUndeliveredC9AE6F66',
  'ReconcileFailedF1A7C752',
];

it('keeps the logical ids of queues, whose messages would be lost', () => {
  const ids = synthesise(everything('prod'))
    .all('AWS::SQS::Queue')
    .map(([id]) => id);
  expect(ids.sort()).toEqual(queueIds);
});

const retainedInProd = [
  'IntakeBus81FDE4B9',
  'IntakeArchiveCD46AE88',
  'AuditBucket7486E833',
  'IdempotencyC15CBC33',
  'Key961B73FD',
  'SecretA720EF05',
  'ApiKeyF9DDEE66',
  // What lies in dead-letter queues, nobody else has: 14 days of lost events. A work queue holds what the archive has too.
  ...queueIds.filter((id) => !/Queue[0-9A-F]{8}$/.test(id)),
];

describe('in prod', () => {
  it.each(retainedInProd)('%s outlives the stack', (id) => {
    // "ExceptOnCreate": a first deployment that fails leaves nothing behind whose name would stop the second.
    expect(synthesise(everything('prod')).byId(id)).toMatchObject({
      DeletionPolicy: 'RetainExceptOnCreate',
      UpdateReplacePolicy: 'Retain',
    });
  });

  it('restore-prod.md writes all of it into the mapping for `cdk import`, and names what stands in the second place', () => {
    const page = readFileSync(join(root, 'docs/runbooks/restore-prod.md'), 'utf8');
    const block = recipes((text) => text).get('kept-resources')!;
    const mapped = [...block.matchAll(/"(\w+)": \{ "/g)].map(([, id]) => id!);
    expect(mapped.sort()).toEqual([...retainedInProd].sort());
    const second = { ...everything('prod'), stripeEventSourceName: '', secondEventSourceName: eventSource };
    const ids = ['AWS::Events::EventBus', 'AWS::Events::Archive'].flatMap((type) =>
      synthesise(second)
        .all(type)
        .map(([id]) => id)
        .filter((id) => id.startsWith('SecondIntake')),
    );
    expect(ids).toEqual(['SecondIntakeBusD23E76CB', 'SecondIntakeArchive2AF6C300']);
    for (const id of ids) expect(page).toContain(id);
  });

  it('the stack cannot be deleted by mistake', () => {
    expect(synthesise(everything('prod')).stack.terminationProtection).toBe(true);
  });

  it('the audit trail cannot be rewritten for a year', () => {
    expect(synthesise(everything('prod')).one('AWS::S3::Bucket').Properties).toMatchObject({
      ObjectLockEnabled: true,
      ObjectLockConfiguration: {
        ObjectLockEnabled: 'Enabled',
        Rule: { DefaultRetention: { Mode: 'GOVERNANCE', Days: 365 } },
      },
    });
  });

  it('the idempotency table can be taken back to any second', () => {
    expect(
      synthesise(everything('prod')).one('AWS::DynamoDB::Table').Properties.PointInTimeRecoverySpecification,
    ).toMatchObject({ PointInTimeRecoveryEnabled: true });
  });
});

describe.each(['dev', 'staging'])('in %s', (environment) => {
  it('everything goes with the stack', () => {
    const synthesis = synthesise(everything(environment));
    for (const id of retainedInProd) expect(synthesis.byId(id).DeletionPolicy).toBe('Delete');
    expect(synthesis.stack.terminationProtection).toBe(false);
  });
});

describe('dev and prod', () => {
  it('differ in nothing but names, retention, recovery and the lock on the audit trail', () => {
    expect(differences(comparable('dev'), comparable('prod')).sort()).toEqual(
      [
        ...retainedInProd.flatMap((id) => [
          `Resources.${id}.DeletionPolicy: "Delete" → "RetainExceptOnCreate"`,
          `Resources.${id}.UpdateReplacePolicy: "Delete" → "Retain"`,
        ]),
        'Resources.Key961B73FD.Properties.PendingWindowInDays: 7 → undefined',
        'Resources.IdempotencyC15CBC33.Properties.PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled: false → true',
        'Resources.AuditBucket7486E833.Properties.ObjectLockEnabled: undefined → true',
        'Resources.AuditBucket7486E833.Properties.ObjectLockConfiguration: undefined → {"ObjectLockEnabled":"Enabled","Rule":{"DefaultRetention":{"Days":365,"Mode":"GOVERNANCE"}}}',
      ].sort(),
    );
  });
});

describe('the audit bucket', () => {
  it.each(deployments)('is versioned, closed to the public and takes TLS only (%s)', (_, context) => {
    const synthesis = synthesise(context);
    expect(synthesis.one('AWS::S3::Bucket').Properties).toMatchObject({
      VersioningConfiguration: { Status: 'Enabled' },
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
    });
    const denials = synthesis
      .one('AWS::S3::BucketPolicy')
      .Properties.PolicyDocument.Statement.filter(({ Effect }: { Effect: string }) => Effect === 'Deny');
    expect(denials.map(({ Condition }: { Condition: unknown }) => Condition)).toEqual([
      { Bool: { 'aws:SecureTransport': 'false' } },
      { NumericLessThan: { 's3:TlsVersion': 1.2 } },
    ]);
  });
});

describe('the idempotency table', () => {
  it.each(deployments)('has the key and the expiry that Powertools writes by default (%s)', (_, context) => {
    expect(synthesise(context).one('AWS::DynamoDB::Table').Properties).toMatchObject({
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      TimeToLiveSpecification: { AttributeName: 'expiration', Enabled: true },
      BillingMode: 'PAY_PER_REQUEST',
    });
  });
});

describe('the secret', () => {
  // Whatever changes here makes CloudFormation generate anew, over the values that people have set.
  it.each(deployments)('is generated as it was in the first release (%s)', (_, context) => {
    const { GenerateSecretString, SecretString } = synthesise(context).byId('SecretA720EF05').Properties;
    expect(SecretString).toBeUndefined();
    expect(GenerateSecretString).toEqual({
      SecretStringTemplate: '{"DATABASE_URL":"","STRIPE_SECRET_KEY":""}',
      GenerateStringKey: 'NOT_USED',
      ExcludePunctuation: true,
      PasswordLength: 48,
    });
  });
});

/** A template without its environment's name, without code (bundled elsewhere) and without what lib/watch adds and tests. */
function comparable(environment: string): unknown {
  const { json } = synthesise(everything(environment));
  const resources = Object.entries(json.Resources as Record<string, Resource>)
    .filter(([, { Type }]) => !/^AWS::(CloudWatch|SNS|Logs::QueryDefinition)/.test(Type))
    .map(([id, resource]) => {
      const { Code, ...properties } = resource.Properties;
      return [id, { ...resource, Properties: properties }];
    });
  const { CodeVersion, ...outputs } = json.Outputs;
  const text = JSON.stringify({ ...json, Resources: Object.fromEntries(resources), Outputs: outputs });
  return JSON.parse(
    text
      // CDK makes these of the stack's name and a hash of it.
      .replaceAll(/AllowEventRulehuntazestripe(?:dev|prod)(\w+?)[0-9A-F]{8,16}"/g, 'AllowEventRule$1"')
      .replaceAll(new RegExp(`([-/( "])${environment}\\b`, 'g'), '$1ENV'),
  );
}

/** Each path at which two templates differ, as `path: left → right`. */
function differences(left: unknown, right: unknown, path = ''): string[] {
  if (JSON.stringify(left) === JSON.stringify(right)) return [];
  const isBranch = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
  if (!isBranch(left) || !isBranch(right)) return [`${path}: ${JSON.stringify(left)} → ${JSON.stringify(right)}`];
  return [...new Set([...Object.keys(left), ...Object.keys(right)])].flatMap((key) =>
    differences(left[key], right[key], path === '' ? key : `${path}.${key}`),
  );
}
