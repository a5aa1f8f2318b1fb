import type { Blueprint } from '../cloudformation/blueprint.ts';
import type { FunctionBlueprint, MappingBlueprint } from '../cloudformation/functions.ts';
import type { QueueBlueprint } from '../cloudformation/queues.ts';
import { UnknownTemplate } from '../cloudformation/template-values.ts';

/** A function that reads a queue, and how the local run counts what it does. */
export interface QueueConsumer {
  /** `worker` logs an outcome per event, `audit` takes every event. */
  kind: 'worker' | 'audit';
  mapping: MappingBlueprint;
  queue: QueueBlueprint;
  fn: FunctionBlueprint;
  /** Where SQS puts what was received too often. */
  failedQueueName: string | undefined;
  /** That one, and those of the rules that fill the queue. */
  deadLetterQueueNames: string[];
}

/** @throws {UnknownTemplate} when a queue feeds a function that is neither a worker nor the audit. */
export function queueConsumers({ mappings, queues, functions, rules }: Blueprint): QueueConsumer[] {
  return mappings.map((mapping) => {
    const queue = queues.find(({ arn }) => arn === mapping.queueArn);
    const fn = functions.find(({ name }) => name === mapping.functionName);
    if (!queue || !fn) throw new UnknownTemplate(`a mapping from ${mapping.queueArn} to ${mapping.functionName}`);
    const targets = rules
      .flatMap((rule) => rule.targets)
      .filter((target) => 'queueArn' in target && target.queueArn === queue.arn);
    const failed = failedQueueOf(queue);
    const deadLetters = new Set([
      failed,
      ...targets.map(({ deadLetterQueueArn }) => deadLetterQueueArn?.split(':').at(-1)),
    ]);
    return {
      kind: kindOf(fn),
      mapping,
      queue,
      fn,
      failedQueueName: failed,
      deadLetterQueueNames: [...deadLetters].filter((name) => name !== undefined),
    };
  });
}

/** By what lambdas/env.ts gives each: the one writes to a bucket, the other knows its own queue. */
function kindOf({ name, variables }: FunctionBlueprint): QueueConsumer['kind'] {
  if (variables.AUDIT_BUCKET !== undefined) return 'audit';
  if (variables.WORK_QUEUE_URL !== undefined) return 'worker';
  throw new UnknownTemplate(`a queue feeds the function ${name}, which is neither a worker nor the audit`);
}

function failedQueueOf({ attributes }: QueueBlueprint): string | undefined {
  const policy =
    attributes.RedrivePolicy === undefined
      ? undefined
      : (JSON.parse(attributes.RedrivePolicy) as { deadLetterTargetArn: string });
  return policy?.deadLetterTargetArn.split(':').at(-1);
}
