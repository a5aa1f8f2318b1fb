import type { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { PipelineError } from '../../core/errors.ts';
import type { PlanEvent } from '../../core/plans/plan-event.ts';
import { traceHeader } from './xray.ts';

/** The most entries that one PutEvents call takes. @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html */
const ENTRIES_PER_CALL = 10;

/**
 * Puts plan events on the app bus; `detail-type` is the event type, `detail` the plan event of `config/plan-events.yaml`.
 *
 * May put one twice (after a crash); its `id` stays the same.
 * @throws {PipelineError} later: `app_bus_unavailable`, also when the bus took only some of them.
 */
export function planPublisher(client: EventBridgeClient, busName: string, source: string) {
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

async function put(
  client: EventBridgeClient,
  busName: string,
  source: string,
  entries: readonly PlanEvent[],
): Promise<string[]> {
  const trace = traceHeader();
  try {
    const answer = await client.send(
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
