import { compilePattern, type Matches } from '../eventbridge/event-pattern.ts';
import { refuseOthers, type TemplateResourceValues, UnknownTemplate } from './template-values.ts';

export interface RuleBlueprint {
  name: string;
  arn: string;
  busName: string;
  enabled: boolean;
  matches: Matches;
  targets: TargetBlueprint[];
}

interface CommonTarget {
  deadLetterQueueArn?: string;
  maximumRetryAttempts: number;
  maximumEventAgeSeconds: number;
}

export interface QueueTarget extends CommonTarget {
  queueArn: string;
  messageGroupId?: string;
}

/** Posts the event's `detail` alone, without the envelope. */
export interface ApiTarget extends CommonTarget {
  apiDestinationArn: string;
}

export type TargetBlueprint = QueueTarget | ApiTarget;

/** An HTTPS endpoint that a rule posts to, with a key in a header. */
export interface ApiDestinationBlueprint {
  name: string;
  arn: string;
  endpoint: string;
  /** The header that carries the key. */
  keyHeader: string;
  postsPerSecond: number;
}

/** A rule that invokes a function by the clock. */
export interface ScheduleBlueprint {
  name: string;
  enabled: boolean;
  everyMs: number;
  functionName: string;
  /** What the function is given; without it, the event that EventBridge writes for a schedule. */
  input?: string;
}

const TARGET_PROPERTIES = ['Arn', 'Id', 'DeadLetterConfig', 'RetryPolicy'];
const RULE_PROPERTIES = ['Name', 'Description', 'State', 'Targets', 'Tags'];

export function readRule({ name, arn, properties }: TemplateResourceValues): RuleBlueprint {
  const place = `rule ${name}`;
  refuseOthers(place, properties, [...RULE_PROPERTIES, 'EventBusName', 'EventPattern']);
  return {
    name,
    arn,
    busName: String(properties.EventBusName ?? 'default').replace(/^arn:.*event-bus\//, ''),
    enabled: isEnabled(place, properties),
    matches: compilePattern(properties.EventPattern),
    targets: targetsOf(properties).map((target) => readTarget(place, target)),
  };
}

/** @throws {UnknownTemplate} for `cron(…)`, and for a target that is no function: the stack has neither. */
export function readScheduleRule({ name, properties }: TemplateResourceValues): ScheduleBlueprint {
  const place = `schedule ${name}`;
  refuseOthers(place, properties, [...RULE_PROPERTIES, 'ScheduleExpression']);
  const [, count, unit] = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(String(properties.ScheduleExpression)) ?? [];
  if (count === undefined)
    throw new UnknownTemplate(`${place} runs by ${JSON.stringify(properties.ScheduleExpression)}`);
  const targets = targetsOf(properties);
  for (const target of targets)
    refuseOthers(`target ${String(target.Id)} of ${place}`, target, [...TARGET_PROPERTIES, 'Input']);
  const functionName = /^arn:aws:lambda:.*:function:(.+)$/.exec(String(targets[0]?.Arn))?.[1];
  if (targets.length !== 1 || functionName === undefined)
    throw new UnknownTemplate(`${place} has other targets than one function: ${JSON.stringify(targets)}`);
  const unitMs = { minute: 60_000, hour: 3_600_000, day: 86_400_000 }[unit as 'minute' | 'hour' | 'day'];
  return {
    name,
    enabled: isEnabled(place, properties),
    everyMs: Number(count) * unitMs,
    functionName,
    ...(targets[0]!.Input === undefined ? {} : { input: String(targets[0]!.Input) }),
  };
}

/** @throws {UnknownTemplate} for another way to log in than a key in a header. */
export function readApiDestination(
  { name, arn, properties }: TemplateResourceValues,
  connections: TemplateResourceValues[],
): ApiDestinationBlueprint {
  const connection = connections.find((one) => one.arn === properties.ConnectionArn)?.properties;
  const keyHeader = (connection?.AuthParameters as { ApiKeyAuthParameters?: { ApiKeyName?: string } } | undefined)
    ?.ApiKeyAuthParameters?.ApiKeyName;
  if (keyHeader === undefined || properties.HttpMethod !== 'POST')
    throw new UnknownTemplate(`the API destination ${name}, which is not a POST with a key in a header`);
  return {
    name,
    arn,
    endpoint: String(properties.InvocationEndpoint),
    keyHeader,
    // EventBridge's own default where the template says nothing.
    postsPerSecond: Number(properties.InvocationRateLimitPerSecond ?? 300),
  };
}

function isEnabled(place: string, { State: state = 'ENABLED' }: Record<string, unknown>): boolean {
  if (state !== 'ENABLED' && state !== 'DISABLED')
    throw new UnknownTemplate(`${place} has the state ${JSON.stringify(state)}`);
  return state === 'ENABLED';
}

const targetsOf = ({ Targets: targets }: Record<string, unknown>) => (targets ?? []) as Record<string, unknown>[];

/** EventBridge's own defaults where the template says nothing. */
const DEFAULT_RETRY = { MaximumRetryAttempts: 185, MaximumEventAgeInSeconds: 86_400 };

function readTarget(rule: string, target: Record<string, unknown>): TargetBlueprint {
  const place = `target ${String(target.Id)} of ${rule}`;
  const targetArn = String(target.Arn);
  const deadLetters = (target.DeadLetterConfig as { Arn?: string } | undefined)?.Arn;
  const retry = { ...DEFAULT_RETRY, ...(target.RetryPolicy as Partial<typeof DEFAULT_RETRY> | undefined) };
  const common: CommonTarget = {
    ...(deadLetters === undefined ? {} : { deadLetterQueueArn: deadLetters }),
    maximumRetryAttempts: retry.MaximumRetryAttempts,
    maximumEventAgeSeconds: retry.MaximumEventAgeInSeconds,
  };
  if (targetArn.startsWith('arn:aws:sqs:')) {
    refuseOthers(place, target, [...TARGET_PROPERTIES, 'SqsParameters']);
    const group = (target.SqsParameters as { MessageGroupId?: string } | undefined)?.MessageGroupId;
    return { ...common, queueArn: targetArn, ...(group === undefined ? {} : { messageGroupId: group }) };
  }
  if (/^arn:aws:events:.*:api-destination\//.test(targetArn)) {
    refuseOthers(place, target, [...TARGET_PROPERTIES, 'RoleArn', 'InputPath']);
    if (target.InputPath !== '$.detail')
      throw new UnknownTemplate(`${place} posts ${JSON.stringify(target.InputPath)} instead of "$.detail"`);
    return { ...common, apiDestinationArn: targetArn };
  }
  throw new UnknownTemplate(`${place} is neither a queue nor an API destination but ${targetArn}`);
}
