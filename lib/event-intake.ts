import { Duration, Stack } from 'aws-cdk-lib';
import { Archive, EventBus, type EventPattern, type IEventBus, Rule } from 'aws-cdk-lib/aws-events';
import type { Key } from 'aws-cdk-lib/aws-kms';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { type EventSource, idIn } from './event-sources.ts';
import { letRulesSend, queueTarget, ruleArn } from './queue-target.ts';
import { removalPolicyOf } from './removal.ts';
import type { Settings } from './settings.ts';

export interface EventIntakeProps {
  readonly settings: Settings;
  readonly source: EventSource;
  readonly key?: Key | undefined;
  /** Takes what the bus cannot encrypt with `key`. */
  readonly keyFailures?: IQueue | undefined;
}

/** A rule on the partner bus: which events, and under which group when their queue is FIFO. */
export interface Routing {
  readonly id: string;
  readonly ruleName: string;
  readonly description: string;
  readonly pattern: EventPattern;
  readonly messageGroupId?: string;
}

/**
 * Where Stripe's events come in: the partner bus, and the archive that keeps every one of them.
 *
 * The bus takes events from Stripe's event source and from nobody else, so it has no resource policy: EventBridge refuses
 * one on a partner bus, and synth would not say so.
 */
export class EventIntake extends Construct {
  readonly bus: IEventBus;
  readonly archive: Archive;
  readonly source: EventSource;

  constructor(scope: Construct, id: string, { settings, source, key, keyFailures }: EventIntakeProps) {
    super(scope, id);
    this.source = source;
    const { name } = source;
    if (settings.adoptEventBus) {
      this.bus = EventBus.fromEventBusName(this, 'Bus', name);
    } else {
      const bus = new EventBus(this, 'Bus', {
        eventSourceName: name,
        description: `Stripe events of ${settings.appName} (${settings.environment})`,
        ...(key && { kmsKey: key }),
        ...(keyFailures && { deadLetterQueue: keyFailures }),
      });
      bus.applyRemovalPolicy(removalPolicyOf(settings));
      this.bus = bus as IEventBus;
    }
    this.archive = this.archiveOf(this.bus, settings, key);
  }

  /** Rules that fill one queue; what they cannot deliver in 24 hours goes to `undelivered`, a standard queue. */
  deliver(scope: Construct, queues: { queue: IQueue; undelivered: IQueue }, routings: readonly Routing[]): Rule[] {
    const arns = routings.map(({ ruleName }) => ruleArn(Stack.of(this), this.bus.eventBusName, ruleName));
    const admitted = [queues.queue, queues.undelivered].map((queue) => letRulesSend(queue, arns));
    return routings.map(({ id, ruleName, description, pattern, messageGroupId }) => {
      const rule = new Rule(scope, idIn(this.source.place, id), {
        eventBus: this.bus,
        ruleName,
        description,
        eventPattern: pattern,
        targets: [queueTarget({ ...queues, messageGroupId })],
      });
      rule.node.addDependency(...admitted);
      return rule;
    });
  }

  /**
   * Keeps every event for good; EventBridge leaves replayed ones out by itself.
   *
   * Made directly: `bus.archive({ kmsKey })` drops the key without a word. And from the bus's name, because the
   * archive puts the bus's ARN into the key's policy, and the created bus refers to the key: a circle for CloudFormation.
   */
  private archiveOf(bus: IEventBus, settings: Settings, key: Key | undefined): Archive {
    const byName = EventBus.fromEventBusName(this, 'BusByName', this.source.name);
    const archive = new Archive(this, 'Archive', {
      archiveName: this.source.archiveName,
      description: `Every Stripe event of ${settings.appName} (${settings.environment}), for replays`,
      sourceEventBus: byName,
      eventPattern: {},
      retention: Duration.days(settings.archiveRetentionDays),
      ...(key && { kmsKey: key }),
    });
    archive.applyRemovalPolicy(removalPolicyOf(settings));
    archive.node.addDependency(bus);
    return archive;
  }
}
