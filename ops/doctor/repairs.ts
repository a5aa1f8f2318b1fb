import type { Ops } from '../cli/ops.ts';

/** `aws events enable-rule … --region eu-central-1`: the region that this run looks at, whatever the shell is set to. */
export const awsLine = async (ops: Ops, words: string): Promise<string> =>
  `aws ${words} --region ${await ops.aws.sts.config.region()}`;

/** For what was changed or deleted by hand: a plain deploy compares templates only, and changes nothing. */
export const revertDrift = ({ lines }: Ops): string =>
  `\`${lines.cdk('drift')}\` shows what was changed by hand, \`${lines.cdk('deploy --revert-drift')}\` puts it back; docs/runbooks/deleted-by-hand.md for what is gone.`;

/**
 * For what CloudFormation cannot read back, so that neither drift nor --revert-drift knows of it: forgotten by its construct path, and made
 * anew by the next deployment.
 */
export const makeAnew = ({ lines, stackName }: Ops, paths: readonly string[]): string =>
  `\`${[...paths.map((path) => lines.cdk(`orphan --unstable=orphan ${stackName}/${path}`)), lines.cdk('deploy')].join(' && ')}\`: CloudFormation cannot see that it is gone; docs/runbooks/deleted-by-hand.md, "What drift does not see".`;
