import { type CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { promisedOutputs, type StackOutputs } from '../../lib/outputs.ts';
import type { CommandLines } from '../cli/command-lines.ts';
import { Refusal } from '../cli/refusal.ts';

/** The deployed pipeline of one environment, as CloudFormation describes it. */
export interface Stack {
  name: string;
  /** CloudFormation's word, such as `UPDATE_COMPLETE`. */
  status: string;
  updatedAt: Date | undefined;
  outputs: StackOutputs;
}

/**
 * Finds the deployed stack; everything else is found through its outputs, never by guessing a name.
 * @throws {Refusal} when there is no such stack, or when it was deployed by a version with other outputs.
 */
export async function findStack(
  cloudformation: CloudFormationClient,
  name: string,
  lines: CommandLines,
): Promise<Stack> {
  const region = await cloudformation.config.region();
  const found = await describe(cloudformation, name);
  if (!found) {
    throw new Refusal(
      'no_stack',
      `There is no stack "${name}" in ${region}.`,
      `Deploy it (\`${lines.cdk('deploy')}\`), or name another with --env, --region or --app.`,
    );
  }
  const outputs = Object.fromEntries(
    (found.Outputs ?? []).map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue]),
  );
  const missing = promisedOutputs.filter((key) => !outputs[key]);
  if (missing.length > 0) {
    throw new Refusal(
      'stack_outputs_missing',
      `The stack "${name}" (${found.StackStatus}) lacks the outputs ${missing.join(', ')}.`,
      `Deploy it from this checkout (\`${lines.cdk('deploy')}\`), or use the checkout it was deployed from.`,
    );
  }
  return {
    name,
    status: found.StackStatus ?? 'UNKNOWN',
    updatedAt: found.LastUpdatedTime ?? found.CreationTime,
    outputs: outputs as StackOutputs,
  };
}

async function describe(cloudformation: CloudFormationClient, name: string) {
  try {
    const { Stacks } = await cloudformation.send(new DescribeStacksCommand({ StackName: name }));
    return Stacks?.[0];
  } catch (error) {
    // CloudFormation's own way to say that a stack is not there.
    if ((error as Error).name === 'ValidationError' && /does not exist/.test((error as Error).message))
      return undefined;
    throw error;
  }
}
