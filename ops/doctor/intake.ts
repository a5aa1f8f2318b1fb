import { DescribeArchiveCommand, DescribeRuleCommand } from '@aws-sdk/client-eventbridge';
import { type IntakeOutputs, intakesOf, ofQueueFed } from '../../lib/outputs.ts';
import type { Ops } from '../cli/ops.ts';
import { type LiveRule, liveRules } from '../deployment/live-rules.ts';
import { ifThere } from '../deployment/not-there.ts';
import { queueNameOf } from '../deployment/queue-depths.ts';
import { stackResources } from '../deployment/stack-resources.ts';
import { type Check, ok, some, wrong } from './check.ts';
import { awsLine, revertDrift } from './repairs.ts';

/** What takes events off the bus: rules, their targets and dead-letter targets, the schedule, the archive. */
export async function checkIntake(ops: Ops): Promise<Check[]> {
  const rules = await liveRules(ops);
  return [
    await checkStates(ops, rules),
    await checkTargets(ops, rules),
    await checkOtherRules(ops, rules),
    ...(await Promise.all(
      intakesOf((await ops.stack()).outputs).map((intake, index) => checkArchive(ops, intake, index)),
    )),
  ];
}

async function checkStates(ops: Ops, rules: LiveRule[]): Promise<Check> {
  const off = rules.filter(({ state }) => state === 'DISABLED');
  const gone = rules.filter(({ state }) => state === 'missing').map(({ name }) => name);
  if (gone.length > 0) return wrong('aws.rules', `Gone: ${some(gone)}. Their events reach no queue.`, revertDrift(ops));
  if (off.length === 0)
    return ok(
      'aws.rules',
      `All ${rules.length} rules of the partner ${intakesOf((await ops.stack()).outputs).length === 1 ? 'bus' : 'buses'} are enabled.`,
    );
  const enable = await Promise.all(
    off.map(({ name, bus }) => awsLine(ops, `events enable-rule --name ${name} --event-bus-name ${bus}`)),
  );
  return wrong(
    'aws.rules',
    `Disabled: ${some(off.map(({ name }) => name))}. Their events reach no queue.`,
    `${enable.map((line) => `\`${line}\``).join(', ')}; then replay the time since: docs/runbooks/rule-disabled.md.`,
  );
}

/** Each rule feeds the queue it is for, and has that queue's dead-letter queue. */
async function checkTargets(ops: Ops, rules: LiveRule[]): Promise<Check> {
  const { outputs } = await ops.stack();
  const [queues, undelivered] = [ofQueueFed(outputs, 'QueueUrl'), ofQueueFed(outputs, 'UndeliveredQueueUrl')];
  const astray = rules
    .filter(({ state }) => state !== 'missing')
    .filter(({ feeds, targets }) => {
      return !targets.some(
        ({ arn, deadLetterArn }) =>
          queueNameOf(arn) === queueNameOf(queues[feeds]) &&
          deadLetterArn !== null &&
          queueNameOf(deadLetterArn) === queueNameOf(undelivered[feeds]),
      );
    })
    .map(({ name }) => name);
  return astray.length === 0
    ? ok('aws.rules.targets', 'Each of them feeds its queue, and has a queue for what it cannot deliver.')
    : wrong('aws.rules.targets', `Without their queue or dead-letter queue: ${some(astray)}.`, revertDrift(ops));
}

/** Rules on other buses: the schedule of the comparison, the posts to the API. */
async function checkOtherRules(ops: Ops, known: LiveRule[]): Promise<Check> {
  const others = (await stackResources(ops))
    .filter(({ type }) => type === 'AWS::Events::Rule')
    // CloudFormation says `bus|rule` for a rule on a bus of its own, and the rule's name for one on the default bus.
    .map(({ physicalId }) => physicalId.split('|'))
    .map((parts) => ({ name: parts.at(-1)!, bus: parts.length > 1 ? parts[0] : undefined }))
    .filter(({ name }) => !known.some((rule) => rule.name === name));
  const off: string[] = [];
  const enable: string[] = [];
  for (const { name, bus } of others) {
    const rule = await ifThere(
      ops.aws.eventbridge.send(
        new DescribeRuleCommand({ Name: name, ...(bus !== undefined && { EventBusName: bus }) }),
      ),
    );
    if (rule?.State === 'ENABLED') continue;
    off.push(`${name} (${rule ? 'disabled' : 'gone'})`);
    if (rule)
      enable.push(await awsLine(ops, `events enable-rule --name ${name}${bus ? ` --event-bus-name ${bus}` : ''}`));
  }
  if (off.length === 0)
    return ok(
      'aws.rules.others',
      `${others.length === 1 ? 'The rule' : `The ${others.length} rules`} beside the partner bus ${others.length === 1 ? 'is' : 'are'} enabled: ${some(others.map(({ name }) => name))}.`,
    );
  return wrong(
    'aws.rules.others',
    `Off: ${some(off)}.`,
    enable.length === off.length ? enable.map((line) => `\`${line}\``).join(', ') : revertDrift(ops),
  );
}

/** Without the archive nothing can be replayed, and nothing else says so. */
async function checkArchive(ops: Ops, { archive: name }: IntakeOutputs, index: number): Promise<Check> {
  const id = index === 0 ? 'aws.archive' : 'aws.archive.other';
  const archive = await ifThere(ops.aws.eventbridge.send(new DescribeArchiveCommand({ ArchiveName: name })));
  if (!archive) return wrong(id, `The archive ${name} is gone: what comes now cannot be replayed.`, revertDrift(ops));
  return archive.State === 'ENABLED'
    ? ok(id, `The archive collects (${archive.EventCount ?? 0} events).`)
    : wrong(
        id,
        `The archive ${name} is ${archive.State} (${archive.StateReason ?? 'no reason given'}).`,
        'Most often the key: see the key above; else `aws events describe-archive` says why.',
      );
}
