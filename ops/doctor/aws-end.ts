import { DescribeRuleCommand, ListTargetsByRuleCommand } from '@aws-sdk/client-eventbridge';
import { GetFunctionConfigurationCommand } from '@aws-sdk/client-lambda';
import { queueFed } from '../../core/workers.ts';
import { functionNamesOf, ofWorkers } from '../../lib/outputs.ts';
import type { Ops } from '../cli/ops.ts';
import { consumerOf, isOn } from '../deployment/consumer.ts';
import { deadLetterQueues, queueDepth } from '../deployment/queue-depths.ts';
import { type Check, ok, some, wrong } from './check.ts';

/** What new functions are made with; older ones still run until AWS retires them, but get no updates. */
const supportedRuntimes = ['nodejs24.x'];

/** AWS's end: stack, rules, functions, mappings, queues. `localVersion`: of the code that lies here. */
export async function checkAws(ops: Ops, localVersion: () => Promise<string>): Promise<Check[]> {
  return [
    ...(await checkStack(ops, localVersion)),
    ...(await checkRules(ops)),
    ...(await checkFunctions(ops)),
    ...(await checkQueues(ops)),
  ];
}

async function checkStack(ops: Ops, localVersion: () => Promise<string>): Promise<Check[]> {
  const { name, status, outputs } = await ops.stack();
  const settled = /^(CREATE|UPDATE|IMPORT)_COMPLETE$/.test(status);
  const here = await localVersion();
  return [
    settled
      ? ok('aws.stack', `${name} is deployed (${status}).`)
      : wrong(
          'aws.stack',
          `${name} is ${status}.`,
          `Look at the stack's events in CloudFormation; \`${ops.lines.cdk('deploy')}\` again once the cause is mended.`,
        ),
    here === outputs.CodeVersion
      ? ok('aws.code', `The deployed code is the code here (${here}).`)
      : wrong(
          'aws.code',
          `Deployed is ${outputs.CodeVersion}; here lies ${here}.`,
          `\`${ops.lines.cdk('deploy')}\`, or check out what is deployed.`,
        ),
  ];
}

async function checkRules(ops: Ops): Promise<Check[]> {
  const { outputs } = await ops.stack();
  const arns = [...Object.values(ofWorkers(outputs, 'RuleArn')), ...outputs.AuditRuleArns.split(',')];
  const rules = await Promise.all(
    arns.map(async (arn) => {
      const rule = { Name: arn.slice(arn.lastIndexOf('/') + 1), EventBusName: outputs.StripeEventBusName };
      const [{ State }, { Targets = [] }] = await Promise.all([
        ops.aws.eventbridge.send(new DescribeRuleCommand(rule)),
        ops.aws.eventbridge.send(new ListTargetsByRuleCommand({ Rule: rule.Name, EventBusName: rule.EventBusName })),
      ]);
      return {
        name: rule.Name,
        on: State === 'ENABLED',
        targets: Targets.length,
        guarded: Targets.every(({ DeadLetterConfig }) => DeadLetterConfig?.Arn),
      };
    }),
  );
  const off = rules.filter(({ on }) => !on).map(({ name }) => name);
  const unguarded = rules.filter(({ guarded, targets }) => !guarded || targets === 0).map(({ name }) => name);
  return [
    off.length === 0
      ? ok('aws.rules', `All ${rules.length} rules are enabled.`)
      : wrong(
          'aws.rules',
          `Disabled: ${some(off)}. Their events go nowhere.`,
          `\`${ops.lines.cdk('deploy')}\`, or enable them in the EventBridge console.`,
        ),
    unguarded.length === 0
      ? ok('aws.rules.dlq', 'Every rule has a target, and a queue for what it cannot deliver.')
      : wrong(
          'aws.rules.dlq',
          `Without a target or a dead-letter queue: ${some(unguarded)}.`,
          `\`${ops.lines.cdk('deploy')}\` puts them back.`,
        ),
  ];
}

async function checkFunctions(ops: Ops): Promise<Check[]> {
  const { outputs } = await ops.stack();
  const functions = await Promise.all(
    functionNamesOf(outputs).map((FunctionName) =>
      ops.aws.lambda.send(new GetFunctionConfigurationCommand({ FunctionName })),
    ),
  );
  const old = functions
    .filter(({ Runtime }) => !supportedRuntimes.includes(Runtime ?? ''))
    .map(({ FunctionName, Runtime }) => `${FunctionName} (${Runtime})`);
  const stuck = functions
    .filter(({ State, LastUpdateStatus }) => (State ?? 'Active') === 'Failed' || LastUpdateStatus === 'Failed')
    .map(
      ({ FunctionName, StateReason, LastUpdateStatusReason }) =>
        `${FunctionName} (${LastUpdateStatusReason ?? StateReason})`,
    );
  const consumers = await Promise.all(queueFed.map((worker) => consumerOf(ops, worker)));
  const paused = consumers.filter((consumer) => !isOn(consumer)).map(({ worker }) => worker);
  return [
    old.length === 0
      ? ok('aws.functions.runtime', `All functions run on ${supportedRuntimes.join(', ')}.`)
      : wrong('aws.functions.runtime', `On another runtime: ${some(old)}.`, `\`${ops.lines.cdk('deploy')}\``),
    stuck.length === 0
      ? ok('aws.functions.state', 'All functions are ready.')
      : wrong(
          'aws.functions.state',
          `Not ready: ${some(stuck)}.`,
          `Mend what the reason says, then \`${ops.lines.cdk('deploy')}\`.`,
        ),
    paused.length === 0
      ? ok('aws.mappings', 'All functions take from their queues.')
      : wrong(
          'aws.mappings',
          `Paused: ${paused.join(', ')}. What arrives waits.`,
          `\`${ops.lines.verb('resume --apply')}\``,
        ),
  ];
}

async function checkQueues(ops: Ops): Promise<Check[]> {
  const { outputs } = await ops.stack();
  const depths = await Promise.all(
    deadLetterQueues(outputs).map(async (queue) => ({ ...queue, depth: await queueDepth(ops.aws.sqs, queue.url) })),
  );
  const held = depths.filter(({ depth }) => depth.waiting + depth.in_flight > 0);
  return [
    held.length === 0
      ? ok('aws.queues', `All ${depths.length} queues for what is lost are empty.`)
      : wrong(
          'aws.queues',
          `Not empty: ${held.map(({ name, depth }) => `${name} (${depth.waiting + depth.in_flight})`).join(', ')}.`,
          `\`${ops.lines.verb('redrive')}\` shows why, and sends them back.`,
        ),
  ];
}
