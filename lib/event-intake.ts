import { Archive, EventBus, type EventPattern, type IEventBus, Rule } from 'aws-cdk-lib/aws-events';
import { SqsQueue } from 'aws-cdk-lib/aws-events-targets';
import type { Key } from 'aws-cdk-lib/aws-kms';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { pipelineNames } from './names.ts';
import { removalPolicyOf } from './removal.ts';
import type { Settings } from './settings.ts';

export interface EventIntakeProps {
  readonly settings: Settings;
  readonly key?: Key | undefined;
  /** Takes what the bus cannot encrypt with `key`. */
  readonly keyFailures?: IQueue | undefined;
}

/** What a rule on the partner bus delivers, and where. */
export interface Delivery {
  readonly ruleName: string;
  readonly description: string;
  readonly pattern: EventPattern;
  readonly queue: IQueue;
  /** Takes what EventBridge could not deliver in 24 hours; a standard queue, because a rule takes no other. */
  readonly undelivered: IQueue;
  /** For a FIFO queue. A plain string: EventBridge would take `$.detail.id` literally. */
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

  constructor(scope: Construct, id: string, { settings, key, keyFailures }: EventIntakeProps) {
    super(scope, id);
    const name = settings.stripeEventSourceName;
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

  deliver(scope: Construct, id: string, delivery: Delivery): Rule {
    const { ruleName, description, pattern, queue, undelivered, messageGroupId } = delivery;
    return new Rule(scope, id, {
      eventBus: this.bus,
      ruleName,
      description,
      eventPattern: pattern,
      targets: [
        new SqsQueue(queue, { deadLetterQueue: undelivered, ...(messageGroupId !== undefined && { messageGroupId }) }),
      ],
    });
  }

  /**
   * Keeps every event for good; EventBridge leaves replayed ones out by itself.
   *
   * Made directly: `bus.archive({ kmsKey })` drops the key without a word. And from the bus's name, because the
   * archive puts the bus's ARN into the key's policy, and the created bus refers to the key: a circle for CloudFormation.
   */
  private archiveOf(bus: IEventBus, settings: Settings, key: Key | undefined): Archive {
    const byName = EventBus.fromEventBusName(this, 'BusByName', settings.stripeEventSourceName);
    const archive = new Archive(this, 'Archive', {
      archiveName: pipelineNames(settings).archive,
      description: `Every Stripe event of ${settings.appName} (${settings.environment}), for replays`,
      sourceEventBus: byName,
      eventPattern: {},
      ...(key && { kmsKey: key }),
    });
    archive.applyRemovalPolicy(removalPolicyOf(settings));
    archive.node.addDependency(bus);
    return archive;
  }
}
