import type { Ops } from '../cli/ops.ts';

/** `aws events enable-rule … --region eu-central-1`: the region that this run looks at, whatever the shell is set to. */
export const awsLine = async (ops: Ops, words: string): Promise<string> =>
  `aws ${words} --region ${await ops.aws.sts.config.region()}`;

/** For what was changed or deleted by hand: a plain deploy compares templates only, and changes nothing. */
export const revertDrift = ({ lines }: Ops): string =>
  `\`${lines.cdk('drift')}\` shows what was changed by hand, \`${lines.cdk('deploy --revert-drift')}\` puts it back; docs/runbooks/deleted-by-hand.md for what is gone.`;
