import type { Ops } from '../cli/ops.ts';
import { type Check, lookedAt, ok, wrong } from './check.ts';
import { checkFunctions } from './functions.ts';
import { checkIntake } from './intake.ts';
import { checkQueues } from './queues.ts';
import { checkSurroundings } from './surroundings.ts';

/**
 * AWS's end as it is now, not as the template says: what somebody changed or deleted by hand is seen, and each fix is one that
 * repairs it (a plain `cdk deploy` compares templates, and would say "no changes").
 *
 * `localVersion`: of the code that lies here.
 */
export async function checkAws(ops: Ops, account: string, localVersion: () => Promise<string>): Promise<Check[]> {
  const parts = await Promise.all([checkStack(ops, localVersion), ...checkLive(ops, account)]);
  return parts.flat();
}

/** What is there now, part by part. */
export const checkLive = (ops: Ops, account: string): Promise<Check[]>[] => [
  lookedAt('aws.rules', ops.lines, () => checkIntake(ops)),
  lookedAt('aws.functions', ops.lines, () => checkFunctions(ops, account)),
  lookedAt('aws.queues', ops.lines, () => checkQueues(ops)),
  lookedAt('aws.surroundings', ops.lines, () => checkSurroundings(ops)),
];

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
          `Look at the stack's events in CloudFormation; \`${ops.lines.cdk('deploy')}\` again once the cause is removed.`,
        ),
    here === outputs.CodeVersion
      ? ok('aws.code', `The stack was deployed with the code that lies here (${here}).`)
      : wrong(
          'aws.code',
          `Deployed is ${outputs.CodeVersion}; here lies ${here}.`,
          `\`${ops.lines.cdk('deploy')}\`, or check out what is deployed.`,
        ),
  ];
}
