import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { everything, listed, root, synthesise } from './synthesis.ts';

/** Where IAM calls an action otherwise than the SDK its command. */
const otherNames: Record<string, string> = {
  's3:ListObjectsV2': 's3:ListBucket',
  's3:HeadBucket': 's3:ListBucket',
  'lambda:Invoke': 'lambda:InvokeFunction',
  'sqs:ChangeMessageVisibilityBatch': 'sqs:ChangeMessageVisibility',
  'sqs:SendMessageBatch': 'sqs:SendMessage',
  'sqs:DeleteMessageBatch': 'sqs:DeleteMessage',
};
const services: Record<string, string> = {
  'cloudwatch-logs': 'logs',
  eventbridge: 'events',
  'secrets-manager': 'secretsmanager',
};

/** Nobody can be refused it. */
const alwaysAllowed = ['sts:GetCallerIdentity'];

/** Made in the caller's name by a call that the verbs do make: SQS and Secrets Manager use the key, a connection its secret. */
const implied = ['kms:Decrypt', 'kms:GenerateDataKey', 'secretsmanager:UpdateSecret'];

/** Verbs of an administrator, who has the database's owner and `s3:BypassGovernanceRetention`: neither policy lets anybody delete from the audit trail. */
const administrators = ['erase/'];

/** What the verbs call, by the SDK's commands that files below `ops/`, and the adapters that those import, import. */
function calledByVerbs(): string[] {
  const files = readdirSync(join(root, 'ops'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !administrators.some((folder) => file.startsWith(folder)))
    .map((file) => join(root, 'ops', file));
  // What they share with the functions makes calls in the operator's name as well.
  const shared = files.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/^(?!import type ).*'(?:\.\.\/)+(adapters\/aws\/[\w-]+\.ts)'/gm)].map(
      ([, adapter]) => join(root, adapter!),
    ),
  );
  expect(shared).not.toEqual([]);
  const calls = [...files, ...new Set(shared)].flatMap((file) => {
    const text = readFileSync(file, 'utf8');
    const imports = [
      ...text.matchAll(/(?:import|const) \{([^}]+)\} (?:from |= await import\()'@aws-sdk\/client-([\w-]+)'/g),
    ];
    return imports.flatMap(([, names, client]) =>
      [...names!.matchAll(/\b(?:paginate(\w+)|(\w+)Command)\b/g)].map(
        ([, paged, command]) => `${services[client!] ?? client}:${paged ?? command}`,
      ),
    );
  });
  return [...new Set(calls.map((call) => otherNames[call] ?? call))].filter((call) => !alwaysAllowed.includes(call));
}

interface Statement {
  Action: string | string[];
  Resource: unknown;
  Condition?: unknown;
}

const statements = (name: string, context = everything('prod')): Statement[] =>
  synthesise(context).one('AWS::IAM::ManagedPolicy', ({ ManagedPolicyName }) => ManagedPolicyName === name).Properties
    .PolicyDocument.Statement;
const actions = (name: string) => statements(name).flatMap(({ Action }) => listed(Action));
const [look, act] = ['huntaze-stripe-look-prod', 'huntaze-stripe-act-prod'] as const;

it('both policies together hold what the verbs call, and nothing else', () => {
  expect([...new Set([...actions(look), ...actions(act)])].sort()).toEqual([...calledByVerbs(), ...implied].sort());
});

it('nobody deletes or replaces what was audited by these policies', () => {
  const writing = [...statements(look), ...statements(act)].filter(({ Action }) =>
    listed(Action).some((action) => /^s3:(Put|Delete|Bypass)/.test(action)),
  );
  expect(writing.map(({ Action }) => listed(Action))).toEqual([['s3:PutObject']]);
  expect(JSON.stringify(writing[0]!.Resource)).toContain('/reconcile/*');
});

it('who looks changes nothing, and sees neither a payload nor the secret', () => {
  for (const action of actions(look))
    expect(action).toMatch(/^\w+:(Describe|List|Get|Filter|Lookup|StartQuery|StopQuery)/);
  expect(actions(look)).not.toEqual(
    expect.arrayContaining([expect.stringMatching(/GetSecretValue|GetObject|ReceiveMessage|kms:Decrypt/)]),
  );
});

it('who acts needs to look, and both bear no action twice', () => {
  expect(actions(act).filter((action) => actions(look).includes(action))).toEqual([]);
});

it('holds for this deployment only, where AWS lets a right be bounded', () => {
  const unbounded = [...statements(look), ...statements(act)].filter(({ Resource }) => listed(Resource).includes('*'));
  expect(unbounded.flatMap(({ Action }) => listed(Action)).sort()).toEqual([
    'cloudtrail:LookupEvents',
    'cloudwatch:DescribeAlarms',
    'cloudwatch:GetMetricData',
    'logs:GetQueryResults',
    'logs:StopQuery',
  ]);
  for (const { Resource, Condition } of [...statements(look), ...statements(act)]) {
    for (const one of listed(Resource).filter((resource) => resource !== '*')) {
      const text = JSON.stringify([one, Condition]);
      expect(text).toMatch(/huntaze-stripe|huntaze\/stripe|aws\.partner|replay\/\*|Key|assets/);
    }
  }
});

it.each([
  ['dev', {}],
  ['prod with everything', everything('prod')],
])('fits into a managed policy: 6,144 characters without blanks (%s)', (_, context) => {
  for (const [, { Properties }] of synthesise(context).all('AWS::IAM::ManagedPolicy')) {
    const text = JSON.stringify(Properties.PolicyDocument)
      // What CloudFormation puts in: partition, region, account, ids.
      .replaceAll(/\{"Ref":"AWS::Partition"\}/g, '"aws"')
      .replaceAll(/\{"Ref":"AWS::Region"\}/g, '"ap-southeast-2"')
      .replaceAll(/\{"Ref":"AWS::AccountId"\}/g, '"123456789012"')
      .replaceAll(/\{"Fn::Join":\["",\[|\]\]\}/g, '');
    expect(text.length).toBeLessThan(6_144);
  }
});

it('tags every resource for cost allocation', () => {
  expect(synthesise(everything('prod')).stack.tags.tagValues()).toEqual({ app: 'huntaze-stripe', environment: 'prod' });
});
