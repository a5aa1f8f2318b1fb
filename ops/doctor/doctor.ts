import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import { environmentFile } from '../../lib/environment-file.ts';
import type { StackOutputs } from '../../lib/outputs.ts';
import type { Ops } from '../cli/ops.ts';
import type { Report } from '../cli/verb-report.ts';
import { deployedSettings } from '../deployment/deployed-settings.ts';
import { type LocalDeployment, localDeployment, type SynthSettings } from '../deployment/local-deployment.ts';
import { checkAws } from './aws-end.ts';
import { type Check, lookedAt } from './check.ts';
import { checkDatabase } from './database-end.ts';
import { checkStripe } from './stripe-checks.ts';
import { checkPath } from './whole-path.ts';

export interface Diagnosis {
  checks: Check[];
}

export interface DoctorOptions {
  /** Within how many hours an event must have been seen. */
  hours: number;
  /** Have Stripe send a ping through the whole path. */
  ping: boolean;
  /** Owner of the schema, to see the migrations. */
  ownerUrl?: string | undefined;
  databaseCaFile?: string | undefined;
  /** @default synthesises what lies here */
  here?: () => Promise<LocalDeployment>;
}

/** Both ends and what lies between, before go-live and whenever something is odd. Changes nothing; `ping` sends one event. */
export async function doctor(
  ops: Ops,
  { hours, ping, ownerUrl, databaseCaFile, here }: DoctorOptions,
): Promise<Report<Diagnosis>> {
  const { outputs } = await ops.stack();
  const [{ Account }, region] = await Promise.all([
    ops.aws.sts.send(new GetCallerIdentityCommand({})),
    ops.aws.sts.config.region(),
  ]);
  const synthesised = () =>
    localDeployment({
      ...sourcesWithout(ops, outputs),
      environment: ops.environment,
      appName: ops.appName,
      environmentsFolder: ops.environmentsFolder,
      ...(databaseCaFile && { databaseCaFile }),
    });
  const checks = [
    ...(await checkAws(ops, Account ?? '', here ?? synthesised)),
    ...(await checkEnds(ops, { account: Account ?? '', region, ownerUrl })),
    ...(await lookedAt('path.last_event', ops.lines, () => checkPath(ops, { hours, ping }))),
  ];
  const found = checks.filter(({ verdict }) => verdict === 'wrong').map(({ says, fix }) => `${says} ${fix}`);
  return { data: { checks }, found };
}

/** A stack cannot be synthesised without an event source: where the file here names none, those that were given with -c. */
function sourcesWithout(ops: Ops, outputs: StackOutputs): Partial<SynthSettings> {
  const { values } = environmentFile(ops.environment, ops.appName, ops.environmentsFolder, []);
  if (values.stripeEventSourceName || values.secondEventSourceName) return {};
  const {
    stripeEventSourceName = outputs.StripeEventSourceName,
    secondEventSourceName,
    retiredEventSourceName,
  } = deployedSettings(outputs) ?? {};
  return {
    ...(stripeEventSourceName && { stripeEventSourceName }),
    ...(secondEventSourceName && { secondEventSourceName }),
    ...(retiredEventSourceName && { retiredEventSourceName }),
  };
}

/** The two ends outside AWS, each on its own. */
export async function checkEnds(
  ops: Ops,
  { account, region, ownerUrl }: { account: string; region: string; ownerUrl?: string | undefined },
): Promise<Check[]> {
  const ends = await Promise.all([
    lookedAt('database', ops.lines, () => checkDatabase(ops, ownerUrl)),
    lookedAt('stripe', ops.lines, () => checkStripe(ops, ops.plans(), account, region)),
  ]);
  return ends.flat();
}
