import type { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { PipelineError } from '../../core/errors.ts';
import type { PlanEvent } from '../../core/plans/plan-event.ts';
import { traceHeader } from './xray.ts';

/** The most entries that one PutEvents call takes. @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html */
const ENTRIES_PER_CALL = 10;

/**
 * Puts plan events on the app bus; `detail-type` is the event type, `detail` the plan event of `config/plan-events.yaml`.
 *
 * May put one twice (after a crash); its `id` stays the same. The SDK is loaded at the first call: most events publish nothing.
 * @throws {PipelineError} later: `app_bus_unavailable`, also when the bus took only some of them.
 */
export function planPublisher(busName: string, source: string, client = eventBridgeAtFirstUse()) {
  return async (planEvents: readonly PlanEvent[]): Promise<void> => {
    for (let first = 0; first < planEvents.length; first += ENTRIES_PER_CALL) {
      const entries = planEvents.slice(first, first + ENTRIES_PER_CALL);
      const refused = await put(client, busName, source, entries);
      if (refused.length > 0) {
        throw new PipelineError(
          'app_bus_unavailable',
          'later',
          `The app bus refused ${refused.length} of ${entries.length} plan events: ${refused.join(', ')}`,
        );
      }
    }
  };
}

function eventBridgeAtFirstUse(): () => Promise<EventBridgeClient> {
  let loading: Promise<EventBridgeClient> | undefined;
  return () => (loading ??= import('@aws-sdk/client-eventbridge').then((sdk) => new sdk.EventBridgeClient()));
}

async function put(
  client: () => Promise<EventBridgeClient>,
  busName: string,
  source: string,
  entries: readonly PlanEvent[],
): Promise<string[]> {
  const trace = traceHeader();
  try {
    const { PutEventsCommand } = await import('@aws-sdk/client-eventbridge');
    const answer = await (await client()).send(
      new PutEventsCommand({
        Entries: entries.map((event) => ({
          EventBusName: busName,
          Source: source,
          DetailType: event.event_type,
          Detail: JSON.stringify(event),
          ...(trace && { TraceHeader: trace }),
        })),
      }),
    );
    return (answer.Entries ?? []).flatMap(({ ErrorCode }) => ErrorCode ?? []);
  } catch (cause) {
    throw new PipelineError('app_bus_unavailable', 'later', `The app bus did not answer: ${(cause as Error).name}`, {
      cause,
    });
  }
}
