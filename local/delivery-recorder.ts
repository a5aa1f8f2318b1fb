import type { MetricStore } from './cloudwatch/metric-store.ts';
import type { EventTally } from './event-tally.ts';
import type { BusDelivery } from './eventbridge/event-bus.ts';
import type { LiveFeed } from './http/live-feed.ts';
import type { QueueConsumer } from './lambda/queue-consumers.ts';

export interface DeliveryRecorderOptions {
  consumers: QueueConsumer[];
  tally: EventTally;
  metrics: MetricStore;
  feed: LiveFeed;
  say(text: string): void;
}

/** Notes what a bus delivered and what not: in the metrics that EventBridge has of its rules, in the tally, on the page. */
export class DeliveryRecorder {
  readonly #options: DeliveryRecorderOptions;

  constructor(options: DeliveryRecorderOptions) {
    this.#options = options;
  }

  /** @param ingestedMs when the bus took the events */
  record(deliveries: BusDelivery[], ingestedMs: number): void {
    const { consumers, tally, metrics, feed, say } = this.#options;
    const latency = Date.now() - ingestedMs;
    for (const { envelope, rule, queue, outcome } of deliveries) {
      const dimensions = { EventBusName: rule.busName, RuleName: rule.name };
      metrics.put('AWS/Events', 'Invocations', dimensions, 'Count', [1]);
      if ('undelivered' in outcome) {
        metrics.put('AWS/Events', 'FailedInvocations', dimensions, 'Count', [1]);
        if (envelope['replay-name'] === undefined) tally.undelivered += 1;
        say(`Rule ${rule.name} could not deliver to ${queue.name}: ${outcome.undelivered}`);
        feed.add({
          kind: 'undelivered',
          by: rule.name,
          type: envelope['detail-type'],
          event_id: String((envelope.detail as { id?: unknown }).id ?? ''),
          reason: outcome.undelivered,
        });
      } else {
        metrics.put('AWS/Events', 'IngestionToInvocationSuccessLatency', dimensions, 'Milliseconds', [latency]);
        const kind = consumers.find((consumer) => consumer.queue.arn === queue.arn)?.kind;
        if (kind) tally.sent(outcome.messageId, { kind, replayName: envelope['replay-name'] });
      }
    }
  }
}
