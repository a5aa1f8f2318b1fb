import { LookupEventsCommand } from '@aws-sdk/client-cloudtrail';
import { intakesOf } from '../../lib/outputs.ts';
import type { Ops } from '../cli/ops.ts';

/** Somebody's call that changed a part of this deployment, as CloudTrail keeps it. */
export interface RecordedChange {
  at: string;
  who: string;
  /** `DisableRule` */
  action: string;
  /** What was asked for: the names in its parameters. */
  on: string;
}

/** CloudTrail answers two calls a second and is some minutes late; the newest 250 changes of an account cover a night's mistakes. */
const MOST_PAGES = 5;

/** Who changed a part of this deployment in the last `seconds`, newest first. Deployments by CloudFormation are one line of theirs. */
export async function recentChanges(ops: Ops, seconds: number): Promise<RecordedChange[]> {
  const { outputs } = await ops.stack();
  const ours = [
    ops.stackName.replace(`-${ops.environment}`, '-'),
    ...intakesOf(outputs).map(({ bus }) => bus),
    outputs.AuditBucketName,
    outputs.SecretArn,
  ];
  const mappings = Object.entries(outputs).flatMap(([name, value]) => (name.endsWith('MappingId') ? [value] : []));
  const changes: RecordedChange[] = [];
  let NextToken: string | undefined;
  for (let page = 0; page < MOST_PAGES; page++) {
    const answer = await ops.aws.cloudtrail.send(
      new LookupEventsCommand({
        LookupAttributes: [{ AttributeKey: 'ReadOnly', AttributeValue: 'false' }],
        StartTime: new Date(ops.now().getTime() - seconds * 1000),
        MaxResults: 50,
        ...(NextToken !== undefined && { NextToken }),
      }),
    );
    for (const { EventName = '', EventTime, Username, CloudTrailEvent = '{}' } of answer.Events ?? []) {
      const event = JSON.parse(CloudTrailEvent) as TrailEvent;
      const asked = JSON.stringify(event.requestParameters ?? {});
      // What AWS does for us says nothing; neither does what is not ours.
      if (event.userIdentity?.invokedBy !== undefined || !changing.test(EventName)) continue;
      if (![...ours, ...mappings].some((name) => asked.includes(name))) continue;
      changes.push({
        at: (EventTime ?? new Date(0)).toISOString(),
        who: event.userIdentity?.arn?.split(':').at(-1) ?? Username ?? 'somebody',
        action: EventName,
        on: namesIn(event.requestParameters ?? {}),
      });
    }
    NextToken = answer.NextToken;
    if (NextToken === undefined) break;
  }
  return changes;
}

interface TrailEvent {
  userIdentity?: { arn?: string; invokedBy?: string };
  requestParameters?: Record<string, unknown> | null;
}

/** Calls that change how a deployment is built; what functions and verbs do to messages, items and objects all day is none. */
const changing =
  /^(Add|Attach|Cancel|Create|Delete|Detach|Disable|Enable|Put|Remove|Restore|Schedule|Set|Update)(?!Events$|Item$|Objects?$|LogEvents$|LogStream$|MetricData$|Message)/;

/** The short strings of the parameters: names, not policies. */
const namesIn = (parameters: Record<string, unknown>): string =>
  Object.values(parameters)
    .filter((value): value is string => typeof value === 'string' && value.length <= 120)
    .join(' ');
