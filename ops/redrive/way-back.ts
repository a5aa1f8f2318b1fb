import { randomUUID } from 'node:crypto';
import { PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { InvokeCommand } from '@aws-sdk/client-lambda';
import { type MessageAttributeValue, SendMessageCommand } from '@aws-sdk/client-sqs';
import { workerOf } from '../../core/event-routes.ts';
import type { StackOutputs } from '../../lib/outputs.ts';
import type { Ops } from '../cli/ops.ts';
import { type DeadLetterDepth, queueNameOf, workQueueUrls } from '../deployment/queue-depths.ts';

/** Where a dead letter came from, hence goes back to. */
export type WayBack =
  | { kind: 'queue'; url: string; group: string | null }
  | {
      kind: 'bus';
      name: string;
      entry: { Source: string; DetailType: string; Detail: string; Time: Date; Resources: string[] };
    }
  | { kind: 'function'; name: string; payload: string }
  | { kind: 'nowhere'; why: string };

/** What a person sees as the place it goes back to. */
export function wayBackName(way: WayBack): string {
  switch (way.kind) {
    case 'queue':
      return `queue ${queueNameOf(way.url)}`;
    case 'bus':
      return `bus ${way.name}`;
    case 'function':
      return `function ${way.name}`;
    case 'nowhere':
      return `nowhere: ${way.why}`;
  }
}

type Json = Record<string, unknown>;

/** Where a message of this queue came from. */
export function wayBackOf(
  queue: DeadLetterDepth,
  lost: {
    body: string;
    parsed: Json | undefined;
    attributes: Record<string, MessageAttributeValue>;
    eventType: string | null;
    group: string | null;
  },
  outputs: StackOutputs,
): WayBack {
  switch (queue.owner) {
    case 'api':
      return backToAppBus(lost.parsed, outputs.AppBusName);
    case 'reconcile': {
      const payload = lost.parsed?.requestPayload;
      if (payload === undefined) return { kind: 'nowhere', why: 'it carries no requestPayload' };
      return { kind: 'function', name: outputs.ReconcileFunctionName, payload: JSON.stringify(payload) };
    }
    case 'audit':
      return { kind: 'queue', url: outputs.AuditQueueUrl, group: lost.group ?? groupOf(lost.eventType) };
    default: {
      // The rule's target is the work queue of this worker; TARGET_ARN says so, and wins should they ever differ.
      const targetArn = lost.attributes.TARGET_ARN?.StringValue;
      const target =
        targetArn && Object.values(workQueueUrls(outputs)).find((url) => queueNameOf(url) === queueNameOf(targetArn));
      return { kind: 'queue', url: target || workQueueUrls(outputs)[queue.owner], group: null };
    }
  }
}

/** A message group that the audit rules use; any of its family will do: nothing rests on the order within one. */
const groupOf = (eventType: string | null): string => `${(eventType !== null && workerOf(eventType)) || 'other'}-1`;

function backToAppBus(envelope: Json | undefined, name: string): WayBack {
  const { source, 'detail-type': detailType, detail, time, resources } = envelope ?? {};
  if (typeof source !== 'string' || typeof detailType !== 'string' || detail === undefined) {
    return { kind: 'nowhere', why: 'it is not an event as the bus delivers it' };
  }
  const entry = {
    Source: source,
    DetailType: detailType,
    Detail: JSON.stringify(detail),
    Time: new Date(typeof time === 'string' ? time : Date.now()),
    Resources: Array.isArray(resources) ? resources.map(String) : [],
  };
  return { kind: 'bus', name, entry };
}

/** To its own place; resolves only when the message is there. */
export async function sendBack(
  { aws }: Ops,
  { back_to, body, attributes }: { back_to: WayBack; body: string; attributes: Record<string, MessageAttributeValue> },
): Promise<void> {
  switch (back_to.kind) {
    case 'queue':
      await aws.sqs.send(
        new SendMessageCommand({
          QueueUrl: back_to.url,
          MessageBody: body,
          // The worker sees by `reason` that this one broke its promise already.
          ...(Object.keys(attributes).length > 0 && { MessageAttributes: attributes }),
          // A fresh deduplication id: with the content's, SQS would drop a message it saw within five minutes, and we delete ours.
          ...(back_to.group !== null && { MessageGroupId: back_to.group, MessageDeduplicationId: randomUUID() }),
        }),
      );
      return;
    case 'bus': {
      const { FailedEntryCount, Entries } = await aws.eventbridge.send(
        new PutEventsCommand({ Entries: [{ ...back_to.entry, EventBusName: back_to.name }] }),
      );
      if (FailedEntryCount) throw new Error(`${Entries?.[0]?.ErrorCode}: ${Entries?.[0]?.ErrorMessage}`);
      return;
    }
    case 'function':
      await aws.lambda.send(
        new InvokeCommand({ FunctionName: back_to.name, InvocationType: 'Event', Payload: back_to.payload }),
      );
      return;
    case 'nowhere':
      throw new Error(`there is no place to send it to, because ${back_to.why}; --discard saves it to a file`);
  }
}
