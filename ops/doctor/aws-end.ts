import type { Ops } from '../cli/ops.ts';
import type { LocalDeployment } from '../deployment/local-deployment.ts';
import { type Check, lookedAt, notChecked, ok, some, wrong } from './check.ts';
import { checkFunctions } from './functions.ts';
import { checkIntake } from './intake.ts';
import { checkQueues } from './queues.ts';
import { checkSurroundings } from './surroundings.ts';

/**
 * AWS's end as it is now, not as the template says: what somebody changed or deleted by hand is seen, and each fix is one that
 * repairs it (a plain `cdk deploy` compares templates, and would say "no changes").
 *
 * `here`: what a deployment of what lies here would be.
 */
export async function checkAws(ops: Ops, account: string, here: () => Promise<LocalDeployment>): Promise<Check[]> {
  const parts = await Promise.all([checkStack(ops, here), ...checkLive(ops, account)]);
  return parts.flat();
}

/** What is there now, part by part. */
export const checkLive = (ops: Ops, account: string): Promise<Check[]>[] => [
  lookedAt('aws.rules', ops.lines, () => checkIntake(ops)),
  lookedAt('aws.functions', ops.lines, () => checkFunctions(ops, account)),
  lookedAt('aws.queues', ops.lines, () => checkQueues(ops)),
  lookedAt('aws.surroundings', ops.lines, () => checkSurroundings(ops)),
];

async function checkStack(ops: Ops, local: () => Promise<LocalDeployment>): Promise<Check[]> {
  const { name, status, outputs } = await ops.stack();
  const settled = /^(CREATE|UPDATE|IMPORT)_COMPLETE$/.test(status);
  const { codeVersion: here, settings } = await local();
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
    checkSettings(ops, outputs.Settings, settings),
  ];
}

function checkSettings(ops: Ops, kept: string | undefined, here: Record<string, unknown>): Check {
  if (kept === undefined)
    return notChecked(
      'aws.settings',
      'With which settings it was deployed: the stack is older than that output.',
      `\`${ops.lines.cdk('deploy')}\` writes it.`,
    );
  const other = differing(JSON.parse(kept) as Record<string, unknown>, here);
  return other.length === 0
    ? ok('aws.settings', `It was deployed with the settings of ${ops.environment} that lie here.`)
    : wrong(
        'aws.settings',
        `Deployed with other settings than lie here: ${some(other)}.`,
        `Commit what was meant, then \`${ops.lines.cdk('deploy')}\`; a value given with -c lasts for that deployment only.`,
      );
}

/** `alarmEmail (deployed "a@b.c", here nothing)` for each setting whose values are not the same. */
function differing(deployed: Record<string, unknown>, here: Record<string, unknown>): string[] {
  const shown = (value: unknown) => (value === undefined ? 'nothing' : JSON.stringify(value));
  return [...new Set([...Object.keys(deployed), ...Object.keys(here)])]
    .filter((name) => shown(deployed[name]) !== shown(here[name]))
    .map((name) => `${name} (deployed ${shown(deployed[name])}, here ${shown(here[name])})`);
}
