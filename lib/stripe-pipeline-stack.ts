import { Annotations, CfnOutput, Stack } from 'aws-cdk-lib';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import { byWorker, capitalised, workers } from '../core/workers.ts';
import { AuditTrail } from './audit-trail.ts';
import { codeVersionOf } from './code-version.ts';
import { KeyFailureQueue } from './durable-queue.ts';
import { PipelineKey } from './encryption.ts';
import { EventIntake } from './event-intake.ts';
import { eventSourcesOf, idIn } from './event-sources.ts';
import { EventWorker } from './event-worker.ts';
import { IdempotencyTable } from './idempotency-table.ts';
import { KeyLossNotice } from './key-loss-notice.ts';
import { pipelineNames } from './names.ts';
import { OperatorPolicies } from './operator-policies.ts';
import { type IntakeOutputs, outputsOfWorkers, type StackOutputs } from './outputs.ts';
import { ApiKeySecret, PipelineSecret } from './pipeline-secrets.ts';
import { PlanPublisher } from './plan-publisher.ts';
import { Reconciler } from './reconciler.ts';
import { keptSettings, type Settings } from './settings.ts';
import { Alarms } from './watch/alarms.ts';
import { PipelineDashboard } from './watch/dashboard.ts';
import { LogQueries } from './watch/log-queries.ts';
import type { WatchedPipeline } from './watched-pipeline.ts';

/**
 * The whole pipeline:
 *
 * ```
 * Stripe ─► partner bus ─► archive
 *              ├─ payments rule ─► queue ─► payments function ─┬─► Postgres
 *              ├─ billing rule  ─► queue ─► billing function  ─┴─► app bus ─► (API)
 *              └─ audit rules   ─► FIFO queue ─► audit function ─► bucket
 * schedule ─► reconcile function ─► Stripe ⇄ Postgres
 * ```
 */
export class StripePipelineStack extends Stack {
  constructor(scope: Construct, settings: Settings) {
    const names = pipelineNames(settings);
    super(scope, names.stack, {
      description: `Stripe events to plan state in Supabase (${settings.appName}, ${settings.environment})`,
      terminationProtection: settings.environment === 'prod',
      // CloudFormation hands them to every resource that takes tags; costs are told apart by them once they are activated in Billing.
      tags: { app: `${settings.appName}-stripe`, environment: settings.environment },
    });

    this.warn(settings);

    const sources = eventSourcesOf(settings);
    const key = settings.createKmsKey ? new PipelineKey(this, 'Key', settings) : undefined;
    const keyFailures = key
      ? new KeyFailureQueue(this, 'KeyFailures', {
          settings,
          name: names.undelivered('bus'),
          busNames: [...sources.map(({ name }) => name), names.appBus],
        })
      : undefined;
    const common = { settings, key };

    const intakes = sources.map(
      (source) => new EventIntake(this, idIn(source.place, 'Intake'), { ...common, source, keyFailures }),
    );
    const [intake, otherIntake] = intakes as [EventIntake, EventIntake?];
    const secret = new PipelineSecret(this, 'Secret', common) as ISecret;
    const apiKey = new ApiKeySecret(this, 'ApiKey', common) as ISecret;
    const plans = new PlanPublisher(this, 'Plans', { ...common, apiKey, keyFailures });
    const idempotency = new IdempotencyTable(this, 'Idempotency', common) as ITable;
    const plumbing = { ...common, intakes, secret, idempotency, appBus: plans.appBus };
    const eventWorkers = workers.map((worker) => new EventWorker(this, capitalised(worker), { ...plumbing, worker }));
    const audit = new AuditTrail(this, 'Audit', { ...common, intakes });
    const reconcile = new Reconciler(this, 'Reconcile', {
      ...common,
      secret,
      queues: eventWorkers,
      auditBucket: audit.bucket,
    });

    const watched: WatchedPipeline = {
      settings,
      sources,
      auditBucketName: audit.bucket.bucketName,
      rules: [
        ...eventWorkers.flatMap(({ name, rules, undelivered }) =>
          rules.map((rule, index) => ({
            name: names.workerRule(name),
            rule,
            source: sources[index]!,
            family: name,
            audit: false,
            undelivered,
          })),
        ),
        ...audit.rules.map(({ family, share, rule, source }) => ({
          name: names.auditRule(family, share),
          rule,
          source,
          family,
          audit: true,
          undelivered: audit.undelivered,
        })),
      ],
      workers: [...eventWorkers, audit],
      reconcile,
      ...(plans.apiUndelivered && { apiUndelivered: plans.apiUndelivered }),
      ...(keyFailures && { busUndelivered: keyFailures }),
      table: idempotency,
      secret,
      appBus: plans.appBus,
    };

    const alarms = new Alarms(this, 'Alarms', watched);
    if (key) new KeyLossNotice(this, 'KeyLoss', { settings, key, page: alarms.topic });
    const dashboard = new PipelineDashboard(this, 'Dashboard', watched, alarms);
    new LogQueries(this, 'LogQueries', watched);

    new OperatorPolicies(this, 'Operators', common);

    this.exportOutputs({
      ...outputsOfWorkers(eventWorkers),
      StripeEventSourceName: intake.source.name,
      StripeEventBusName: intake.bus.eventBusName,
      StripeEventBusArn: intake.bus.eventBusArn,
      ArchiveName: intake.archive.archiveName,
      ArchiveArn: intake.archive.archiveArn,
      AuditRuleArns: auditRuleArnsOf(audit, intake),
      AuditQueueUrl: audit.queue.queueUrl,
      AuditFailedQueueUrl: audit.failed.queueUrl,
      AuditUndeliveredQueueUrl: audit.undelivered.queueUrl,
      AuditFunctionName: audit.fn.functionName,
      AuditMappingId: audit.mapping.eventSourceMappingId,
      ReconcileFailedQueueUrl: reconcile.failed.queueUrl,
      ReconcileFunctionName: reconcile.fn.functionName,
      SecretArn: secret.secretArn,
      ApiKeySecretArn: apiKey.secretArn,
      IdempotencyTableName: idempotency.tableName,
      AuditBucketName: audit.bucket.bucketName,
      AppBusName: plans.appBus.eventBusName,
      AlarmTopicArn: alarms.topic.topicArn,
      DashboardName: dashboard.dashboardName,
      CodeVersion: codeVersionOf([...watched.workers, reconcile].map(({ fn }) => fn)),
      Settings: JSON.stringify(keptSettings(settings)),
      ...(otherIntake && {
        OtherIntake: this.toJsonString({
          source: otherIntake.source.name,
          bus: otherIntake.bus.eventBusName,
          busArn: otherIntake.bus.eventBusArn,
          archive: otherIntake.archive.archiveName,
          archiveArn: otherIntake.archive.archiveArn,
          ruleArns: byWorker((worker) => eventWorkers.find(({ name }) => name === worker)!.rules[1]!.ruleArn),
          auditRuleArns: auditRuleArnsOf(audit, otherIntake).split(','),
          retired: otherIntake.source.retired,
        } satisfies IntakeOutputs),
      }),
      ...(plans.apiUndelivered && { ApiUndeliveredQueueUrl: plans.apiUndelivered.queueUrl }),
      ...(plans.apiConnection && { ApiConnectionName: plans.apiConnection.connectionName }),
      ...(keyFailures && { BusUndeliveredQueueUrl: keyFailures.queueUrl }),
    });
  }

  /** What synthesises and deploys, and is probably not meant. */
  private warn(settings: Settings): void {
    const { environment, alarmEmail, overrides } = settings;
    const prod = environment === 'prod';
    const warning = (id: string, text: string) => Annotations.of(this).addWarningV2(`stripe-eventbridge:${id}`, text);
    for (const { name } of eventSourcesOf(settings).filter(({ name }) => prod && /\/ed_test_/.test(name)))
      warning(
        'testModeInProd',
        `${name} is a destination of Stripe's test mode: in prod each of its events will be ignored, with that reason. Give the destination of the live mode.`,
      );
    if (prod && alarmEmail === undefined)
      warning(
        'nobodyHears',
        'Nobody hears the alarms of prod. Write "alarmEmail: oncall@example.com" into its settings file, or subscribe somebody to the topic of the output AlarmTopicArn.',
      );
    for (const override of overrides)
      if (prod) warning('override', override);
      else Annotations.of(this).addInfoV2('stripe-eventbridge:override', override);
  }

  private exportOutputs(outputs: StackOutputs): void {
    for (const [name, value] of Object.entries(outputs)) new CfnOutput(this, name, { value });
  }
}

const auditRuleArnsOf = ({ rules }: AuditTrail, { source }: EventIntake): string =>
  rules
    .filter((one) => one.source === source)
    .map(({ rule }) => rule.ruleArn)
    .join(',');
