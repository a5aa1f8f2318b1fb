import {
  ApiDestination,
  Authorization,
  type CfnConnection,
  Connection,
  EventBus,
  HttpMethod,
  type IApiDestination,
  type IEventBus,
  Rule,
  RuleTargetInput,
} from 'aws-cdk-lib/aws-events';
import { ApiDestination as ApiDestinationTarget } from 'aws-cdk-lib/aws-events-targets';
import type { Key } from 'aws-cdk-lib/aws-kms';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { DeadLetterQueue } from './durable-queue.ts';
import { pipelineNames } from './names.ts';
import type { Settings } from './settings.ts';

export interface PlanPublisherProps {
  readonly settings: Settings;
  readonly key?: Key | undefined;
  /** Holds `API_KEY`. */
  readonly apiKey: ISecret;
  /** Takes what the app bus cannot encrypt with `key`. */
  readonly keyFailures?: IQueue | undefined;
}

/** A web app that is notified of plans copes with this; what comes faster waits at EventBridge, for up to 24 hours. */
const postsPerSecond = 20;

/** Where apps learn what happened to a plan: the app bus and, with `apiUrl`, an HTTPS endpoint of theirs. */
export class PlanPublisher extends Construct {
  readonly appBus: IEventBus;
  /** What the endpoint did not take in 24 hours. */
  readonly apiUndelivered?: IQueue;
  /** Holds the API key; `ops secrets` gives it the new one. */
  readonly apiConnection?: Connection;

  constructor(scope: Construct, id: string, { settings, key, apiKey, keyFailures }: PlanPublisherProps) {
    super(scope, id);
    const names = pipelineNames(settings);
    this.appBus = new EventBus(this, 'AppBus', {
      eventBusName: names.appBus,
      description: `Plan events of ${settings.appName} (${settings.environment})`,
      ...(key && { kmsKey: key }),
      ...(keyFailures && { deadLetterQueue: keyFailures }),
    }) as IEventBus;
    if (settings.apiUrl === undefined) return;

    this.apiUndelivered = new DeadLetterQueue(this, 'ApiUndelivered', {
      settings,
      name: names.undelivered('api'),
      key,
    });
    this.apiConnection = this.connection(names.apiConnection, apiKey, key);
    new Rule(this, 'ApiRule', {
      eventBus: this.appBus,
      ruleName: names.apiRule,
      description: `Plan events for ${settings.apiUrl}`,
      eventPattern: { source: [names.planEventSource] },
      targets: [
        new ApiDestinationTarget(
          new ApiDestination(this, 'Api', {
            apiDestinationName: names.apiConnection,
            connection: this.apiConnection,
            endpoint: settings.apiUrl,
            httpMethod: HttpMethod.POST,
            rateLimitPerSecond: postsPerSecond,
          }) as IApiDestination,
          {
            // The plan event alone, as `config/plan-events.yaml` describes it, without EventBridge's envelope.
            event: RuleTargetInput.fromEventPath('$.detail'),
            deadLetterQueue: this.apiUndelivered,
          },
        ),
      ],
    });
  }

  /** The template holds a reference to the secret; CloudFormation resolves it when it creates the connection. */
  private connection(name: string, apiKey: ISecret, key: Key | undefined): Connection {
    const connection = new Connection(this, 'ApiConnection', {
      connectionName: name,
      authorization: Authorization.apiKey('x-api-key', apiKey.secretValueFromJson('API_KEY')),
    });
    // CDK's connection has no property for the key.
    if (key) (connection.node.findChild('Connection') as CfnConnection).kmsKeyIdentifier = key.keyArn;
    return connection;
  }
}
