import { Annotations, CfnCondition, CfnResource, Fn, type IAspect, Stack } from 'aws-cdk-lib';
import { CfnAlarm, CfnCompositeAlarm } from 'aws-cdk-lib/aws-cloudwatch';
import type { IConstruct } from 'constructs';

/** What MiniStack cannot create, why, and what the test therefore does not see. */
export const limits = {
  metricMathAlarm: 'Alarms on metric math: MiniStack stops the whole deployment at one.',
  compositeAlarm: 'Composite alarms: MiniStack has the API, but no CloudFormation type for it.',
  other: 'Types that MiniStack has no CloudFormation type for.',
} as const;

const unknownTypes = ['AWS::Logs::QueryDefinition'];

/**
 * Takes out what the emulator cannot create: a condition that is never true stands on the resource, which so remains in the template.
 *
 * Used by test/deploy/app.ts only. `taken` lists what was taken, for the test's output.
 */
export class EmulatorLimits implements IAspect {
  readonly taken: { type: string; id: string; why: keyof typeof limits }[] = [];

  visit(node: IConstruct): void {
    if (!(node instanceof CfnResource)) return;
    const why = whyNot(node);
    if (why === undefined) return;
    node.cfnOptions.condition = never(Stack.of(node));
    this.taken.push({ type: node.cfnResourceType, id: node.node.path, why });
    Annotations.of(node).addInfoV2(`emulator:${why}`, limits[why]);
  }
}

function whyNot(resource: CfnResource): keyof typeof limits | undefined {
  if (resource instanceof CfnCompositeAlarm) return 'compositeAlarm';
  if (resource instanceof CfnAlarm && resource.metrics !== undefined) return 'metricMathAlarm';
  if (unknownTypes.includes(resource.cfnResourceType)) return 'other';
  return undefined;
}

function never(stack: Stack): CfnCondition {
  const id = 'BeyondTheEmulator';
  return (
    (stack.node.tryFindChild(id) as CfnCondition | undefined) ??
    new CfnCondition(stack, id, { expression: Fn.conditionEquals('deployed', 'never') })
  );
}
