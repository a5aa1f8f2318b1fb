import { DescribeRuleCommand, ListTargetsByRuleCommand } from '@aws-sdk/client-eventbridge';
import { type QueueFed, workers } from '../../core/workers.ts';
import { intakesOf, type StackOutputs } from '../../lib/outputs.ts';
import type { Ops } from '../cli/ops.ts';
import { ifThere } from './not-there.ts';

/** A rule of a partner bus as EventBridge has it now, whatever the template says. */
export interface LiveRule {
  /** What it feeds: a worker's queue, or the audit queue. */
  feeds: QueueFed;
  name: string;
  /** The partner bus it is on. */
  bus: string;
  state: 'ENABLED' | 'DISABLED' | 'missing';
  targets: { arn: string; deadLetterArn: string | null }[];
}

/** Every rule that takes events off a partner bus. */
export async function liveRules(ops: Ops): Promise<LiveRule[]> {
  const { outputs } = await ops.stack();
  return Promise.all(
    ruleArns(outputs).map(async ({ feeds, arn, bus }): Promise<LiveRule> => {
      const name = arn.slice(arn.lastIndexOf('/') + 1);
      const rule = await ifThere(
        Promise.all([
          ops.aws.eventbridge.send(new DescribeRuleCommand({ Name: name, EventBusName: bus })),
          ops.aws.eventbridge.send(new ListTargetsByRuleCommand({ Rule: name, EventBusName: bus })),
        ]),
      );
      if (!rule) return { feeds, name, bus, state: 'missing', targets: [] };
      const [{ State }, { Targets = [] }] = rule;
      return {
        feeds,
        name,
        bus,
        state: State === 'DISABLED' ? 'DISABLED' : 'ENABLED',
        targets: Targets.map(({ Arn, DeadLetterConfig }) => ({
          arn: Arn ?? '',
          deadLetterArn: DeadLetterConfig?.Arn ?? null,
        })),
      };
    }),
  );
}

const ruleArns = (outputs: StackOutputs): { feeds: LiveRule['feeds']; arn: string; bus: string }[] =>
  intakesOf(outputs).flatMap(({ bus, ruleArns, auditRuleArns }) => [
    ...workers.map((feeds) => ({ feeds, arn: ruleArns[feeds], bus })),
    ...auditRuleArns.map((arn) => ({ feeds: 'audit' as const, arn, bus })),
  ]);
