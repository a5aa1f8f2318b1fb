import { createHash } from 'node:crypto';
import { GetTemplateCommand } from '@aws-sdk/client-cloudformation';
import {
  type FunctionConfiguration,
  GetEventSourceMappingCommand,
  GetFunctionConfigurationCommand,
  InvokeCommand,
} from '@aws-sdk/client-lambda';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { capitalised, type FunctionName, functionNames, queueFed } from '../../core/workers.ts';
import { ofQueueFed } from '../../lib/outputs.ts';
import type { Ops } from '../cli/ops.ts';
import { isOn } from '../deployment/consumer.ts';
import { ifThere } from '../deployment/not-there.ts';
import { stackResources } from '../deployment/stack-resources.ts';
import { type Check, notChecked, ok, some, wrong } from './check.ts';
import { awsLine, makeAnew, revertDrift } from './repairs.ts';

/** What new functions are made with; older ones still run until AWS retires them, but get no updates. */
const supportedRuntimes = ['nodejs24.x'];

/** Every function: there, of the deployed code, able to start, and fed by its queue. */
export async function checkFunctions(ops: Ops, account: string): Promise<Check[]> {
  const { outputs } = await ops.stack();
  const names = Object.fromEntries(
    functionNames.map((name) => [name, outputs[`${capitalised(name)}FunctionName`]]),
  ) as Record<FunctionName, string>;
  const found = await Promise.all(
    Object.values(names).map((FunctionName) =>
      ifThere(ops.aws.lambda.send(new GetFunctionConfigurationCommand({ FunctionName }))),
    ),
  );
  const gone = Object.values(names).filter((_, index) => found[index] === null);
  if (gone.length > 0) return [wrong('aws.functions', `Gone: ${some(gone)}.`, revertDrift(ops))];
  const functions = found.filter((one) => one !== null);
  return [
    checkRuntime(ops, functions),
    checkState(ops, functions),
    await checkCode(ops, account, functions),
    await checkStart(ops, names),
    await checkMappings(ops),
  ];
}

function checkRuntime(ops: Ops, functions: FunctionConfiguration[]): Check {
  const old = functions
    .filter(({ Runtime }) => !supportedRuntimes.includes(Runtime ?? ''))
    .map(({ FunctionName, Runtime }) => `${FunctionName} (${Runtime})`);
  return old.length === 0
    ? ok('aws.functions.runtime', `All functions run on ${supportedRuntimes.join(', ')}.`)
    : wrong('aws.functions.runtime', `On another runtime: ${some(old)}.`, `\`${ops.lines.cdk('deploy')}\``);
}

function checkState(ops: Ops, functions: FunctionConfiguration[]): Check {
  const stuck = functions
    .filter(({ State, LastUpdateStatus }) => (State ?? 'Active') === 'Failed' || LastUpdateStatus === 'Failed')
    .map(
      ({ FunctionName, StateReason, LastUpdateStatusReason }) =>
        `${FunctionName} (${LastUpdateStatusReason ?? StateReason})`,
    );
  return stuck.length === 0
    ? ok('aws.functions.state', 'All functions are ready.')
    : wrong(
        'aws.functions.state',
        `Not ready: ${some(stuck)}.`,
        `Remove what the reason names, then \`${ops.lines.cdk('deploy')}\`.`,
      );
}

/** The code that Lambda runs against the bundle that the stack was deployed with, byte for byte. */
async function checkCode(ops: Ops, account: string, functions: FunctionConfiguration[]): Promise<Check> {
  const region = await ops.aws.sts.config.region();
  const bundles = await deployedBundles(ops, { account, region });
  const changed: string[] = [];
  const repairs: string[] = [];
  for (const { FunctionName, CodeSha256 } of functions) {
    const bundle = bundles.get(FunctionName ?? '');
    const bytes = bundle && (await ifThere(bytesOf(ops, bundle)));
    if (!bytes) {
      return notChecked(
        'aws.functions.code',
        `Whether Lambda runs the code that was deployed: the bundle of ${FunctionName} is no longer in the CDK's bucket.`,
        `\`${ops.lines.cdk('deploy')}\` puts it there again.`,
      );
    }
    if (createHash('sha256').update(bytes).digest('base64') === CodeSha256) continue;
    changed.push(FunctionName ?? '');
    const from = `--s3-bucket ${bundle.Bucket} --s3-key ${bundle.Key}`;
    repairs.push(`\`${await awsLine(ops, `lambda update-function-code --function-name ${FunctionName} ${from}`)}\``);
  }
  return changed.length === 0
    ? ok('aws.functions.code', 'Lambda runs the code that was deployed, byte for byte.')
    : wrong(
        'aws.functions.code',
        `Other code than was deployed: ${some(changed)}. Somebody changed it by hand.`,
        `${repairs.join(', ')}; no deployment does it. docs/runbooks/function-changed-by-hand.md.`,
      );
}

interface Bundle {
  Bucket: string;
  Key: string;
}

/** Where the CDK put each function's bundle, by the template that CloudFormation holds. */
async function deployedBundles(ops: Ops, place: { account: string; region: string }): Promise<Map<string, Bundle>> {
  const [{ TemplateBody = '{}' }, resources] = await Promise.all([
    ops.aws.cloudformation.send(new GetTemplateCommand({ StackName: ops.stackName })),
    stackResources(ops),
  ]);
  const template = JSON.parse(TemplateBody) as { Resources?: Record<string, { Properties?: { Code?: Code } }> };
  return new Map(
    resources
      .filter(({ type }) => type === 'AWS::Lambda::Function')
      .flatMap(({ logicalId, physicalId }): [string, Bundle][] => {
        const { S3Bucket, S3Key } = template.Resources?.[logicalId]?.Properties?.Code ?? {};
        if (S3Bucket === undefined || S3Key === undefined) return [];
        const Bucket = (typeof S3Bucket === 'string' ? S3Bucket : S3Bucket['Fn::Sub'])
          // biome-ignore lint/suspicious/noTemplateCurlyInString: CloudFormation's own placeholders
          .replace('${AWS::AccountId}', place.account)
          // biome-ignore lint/suspicious/noTemplateCurlyInString: CloudFormation's own placeholders
          .replace('${AWS::Region}', place.region);
        return [[physicalId, { Bucket, Key: S3Key }]];
      }),
  );
}

interface Code {
  S3Bucket?: string | { 'Fn::Sub': string };
  S3Key?: string;
}

async function bytesOf(ops: Ops, bundle: Bundle): Promise<Uint8Array> {
  const { Body } = await ops.aws.s3.send(new GetObjectCommand(bundle));
  return Body!.transformToByteArray();
}

/**
 * Calls each function that takes batches with an empty one, which settles nothing: one that cannot start says why.
 * The comparison would do its work, so it is called as a dry run, which tells only that it may be called.
 */
async function checkStart(ops: Ops, { reconcile, ...workers }: Record<FunctionName, string>): Promise<Check> {
  const names = Object.values(workers);
  await ops.aws.lambda.send(new InvokeCommand({ FunctionName: reconcile, InvocationType: 'DryRun' }));
  const broken = (
    await Promise.all(
      names.map(async (FunctionName) => {
        const { FunctionError, Payload } = await ops.aws.lambda.send(
          new InvokeCommand({ FunctionName, Payload: Buffer.from(JSON.stringify({ Records: [] })) }),
        );
        return FunctionError === undefined ? [] : [`${FunctionName} (${errorIn(Payload)})`];
      }),
    )
  ).flat();
  return broken.length === 0
    ? ok('aws.functions.start', `${names.length} functions started and took an empty batch.`)
    : wrong(
        'aws.functions.start',
        `Cannot start: ${some(broken)}.`,
        `If somebody deployed: docs/runbooks/rollback.md, \`${ops.lines.verb('rollback')}\`. If nobody did: docs/runbooks/function-changed-by-hand.md.`,
      );
}

function errorIn(payload: Uint8Array | undefined): string {
  const text = Buffer.from(payload ?? []).toString();
  try {
    const { errorType, errorMessage } = JSON.parse(text) as { errorType?: string; errorMessage?: string };
    return [errorType, errorMessage?.split('\n', 1)[0]].filter(Boolean).join(': ');
  } catch {
    return text.slice(0, 200);
  }
}

async function checkMappings(ops: Ops): Promise<Check> {
  const { outputs } = await ops.stack();
  const found = await Promise.all(
    queueFed.map((worker) =>
      ifThere(
        ops.aws.lambda.send(new GetEventSourceMappingCommand({ UUID: ofQueueFed(outputs, 'MappingId')[worker] })),
      ),
    ),
  );
  const gone = queueFed.filter((_, index) => found[index] === null);
  const paused = queueFed.filter((_, index) => found[index] && !isOn({ state: found[index]?.State ?? '' }));
  if (gone.length > 0)
    return wrong(
      'aws.mappings',
      `Nothing takes from the queue of ${gone.join(', ')}: the mapping is gone.`,
      makeAnew(
        ops,
        gone.map((worker) => `${capitalised(worker)}/Handler/Function/Mapping`),
      ),
    );
  return paused.length === 0
    ? ok('aws.mappings', 'All functions take from their queues.')
    : wrong(
        'aws.mappings',
        `Paused: ${paused.join(', ')}. What arrives waits.`,
        `\`${ops.lines.verb(`resume ${paused.join(' ')} --apply`)}\``,
      );
}
