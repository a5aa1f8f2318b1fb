import { capitalised, functionNames, queueFed, type Worker, workers } from '../core/workers.ts';

/** What the stack says of each worker: `BillingQueueUrl`. */
const workerParts = ['RuleArn', 'QueueUrl', 'FailedQueueUrl', 'UndeliveredQueueUrl', 'MappingId'] as const;

/** What it says of the audit trail, which has a rule for each family. */
const auditParts = ['RuleArns', 'QueueUrl', 'FailedQueueUrl', 'UndeliveredQueueUrl', 'MappingId'] as const;

const otherOutputs = [
  'StripeEventSourceName',
  'StripeEventBusName',
  'StripeEventBusArn',
  'ArchiveName',
  'ArchiveArn',
  'ReconcileFailedQueueUrl',
  'SecretArn',
  'ApiKeySecretArn',
  'IdempotencyTableName',
  'AuditBucketName',
  'AppBusName',
  'AlarmTopicArn',
  'DashboardName',
  'CodeVersion',
] as const;

/** Outputs that are there only with a setting. */
const optionalOutputs = [
  // with `apiUrl`
  'ApiUndeliveredQueueUrl',
  'ApiConnectionName',
  // with `createKmsKey`
  'BusUndeliveredQueueUrl',
  // with two event sources
  'OtherIntake',
  // not in deployments from before there were settings files
  'Settings',
] as const;

type WorkerPart = (typeof workerParts)[number];
type PromisedOutput =
  | `${Capitalize<Worker>}${WorkerPart}`
  | `Audit${(typeof auditParts)[number]}`
  | `${Capitalize<(typeof functionNames)[number]>}FunctionName`
  | (typeof otherOutputs)[number];
type OptionalOutput = (typeof optionalOutputs)[number];

/**
 * What people, `npm run ops` and the tests find the parts of a deployment by: the contract between the stack and whoever works on it.
 *
 * Everything is found through these, never by guessing a name. All but the optional ones are always there.
 */
export type StackOutputs = Record<PromisedOutput, string> & Partial<Record<OptionalOutput, string>>;

/** Every output that a deployment of this checkout has, whatever its settings. */
export const promisedOutputs: readonly PromisedOutput[] = [
  ...workers.flatMap((worker) => workerParts.map((part) => `${capitalised(worker)}${part}` as const)),
  ...auditParts.map((part) => `Audit${part}` as const),
  ...functionNames.map((name) => `${capitalised(name)}FunctionName` as const),
  ...otherOutputs,
];

/** Of each worker; the function's name is promised for every function. */
export type WorkerOutput = WorkerPart | 'FunctionName';

/** The outputs of all workers, by the names that they have in the stack. */
export const outputsOfWorkers = (
  each: readonly { readonly name: Worker; readonly outputs: Readonly<Record<WorkerOutput, string>> }[],
): Record<`${Capitalize<Worker>}${WorkerOutput}`, string> =>
  Object.fromEntries(
    each.flatMap(({ name, outputs }) =>
      Object.entries(outputs).map(([part, value]) => [`${capitalised(name)}${part}`, value]),
    ),
  ) as Record<`${Capitalize<Worker>}${WorkerOutput}`, string>;

/** One output of each worker, by worker: `ofWorkers(outputs, 'QueueUrl').billing`. */
export const ofWorkers = (outputs: StackOutputs, part: WorkerOutput): Record<Worker, string> =>
  byName(workers, (worker) => outputs[`${capitalised(worker)}${part}`]);

/** Every function, by the name it has in Lambda. */
export const functionNamesOf = (outputs: StackOutputs): string[] =>
  functionNames.map((name) => outputs[`${capitalised(name)}FunctionName`]);

/** One output of each function that a queue feeds, by function. */
export const ofQueueFed = (
  outputs: StackOutputs,
  part: 'QueueUrl' | 'FailedQueueUrl' | 'UndeliveredQueueUrl' | 'MappingId' | 'FunctionName',
): Record<(typeof queueFed)[number], string> => byName(queueFed, (name) => outputs[`${capitalised(name)}${part}`]);

const byName = <Name extends string>(names: readonly Name[], value: (name: Name) => string): Record<Name, string> =>
  Object.fromEntries(names.map((name) => [name, value(name)])) as Record<Name, string>;

/** One place where Stripe's events come in: a partner bus, its archive, its rules. */
export interface IntakeOutputs {
  /** `aws.partner/stripe.com/ed_…` */
  readonly source: string;
  readonly bus: string;
  readonly busArn: string;
  readonly archive: string;
  readonly archiveArn: string;
  readonly ruleArns: Readonly<Record<Worker, string>>;
  readonly auditRuleArns: readonly string[];
  /** Stripe sends nothing to it any more. */
  readonly retired: boolean;
}

/** Every intake of a deployment, the one that Stripe sends to first: one, or two while a cut-over lasts. */
export const intakesOf = (outputs: StackOutputs): readonly [IntakeOutputs, ...IntakeOutputs[]] => [
  {
    source: outputs.StripeEventSourceName,
    bus: outputs.StripeEventBusName,
    busArn: outputs.StripeEventBusArn,
    archive: outputs.ArchiveName,
    archiveArn: outputs.ArchiveArn,
    ruleArns: ofWorkers(outputs, 'RuleArn'),
    auditRuleArns: outputs.AuditRuleArns.split(','),
    retired: false,
  },
  ...(outputs.OtherIntake === undefined ? [] : [JSON.parse(outputs.OtherIntake) as IntakeOutputs]),
];
