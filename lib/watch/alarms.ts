import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { slo } from '../../core/metrics.ts';
import type { WatchedPipeline } from '../watched-pipeline.ts';
import { AlarmTopics } from './alarm-topics.ts';
import { customerAlarms } from './customer-alarms.ts';
import { deliveryAlarms } from './delivery-alarms.ts';
import { idOf, type PlannedAlarm, type Severity, severities } from './planned-alarm.ts';
import { processingAlarms } from './processing-alarms.ts';
import { type BurnRate, brokenPercent, burnRates, keptAtLeast, keptShare, missedShare } from './slo-burn.ts';

/**
 * Everything that can be wrong, and whom to tell.
 *
 * Each alarm informs (`notices`); all critical ones together make one more alarm, and that one pages (`topic`). The two composites are the
 * health word as well: `critical`, else `degraded`, else all is well.
 */
export class Alarms extends Construct {
  /** Wakes someone. */
  readonly topic: Topic;
  /** Tells of every alarm. */
  readonly notices: Topic;
  /** In alarm while any critical one is. */
  readonly critical: cloudwatch.CompositeAlarm;
  /** In alarm while any of the others is. */
  readonly degraded: cloudwatch.CompositeAlarm;
  /** Each alarm that tells something by itself, by `<kind>[-<part>]`. */
  readonly parts: ReadonlyMap<string, cloudwatch.AlarmBase>;
  readonly #pipeline: WatchedPipeline;

  constructor(scope: Construct, id: string, pipeline: WatchedPipeline) {
    super(scope, id);
    this.#pipeline = pipeline;
    const topics = new AlarmTopics(this, 'Topics', pipeline);
    this.topic = topics.page;
    this.notices = topics.notices;

    const planned = [...deliveryAlarms(pipeline), ...processingAlarms(pipeline), ...customerAlarms(pipeline)];
    const told = [
      ...planned.map((plan) => ({ id: idOf(plan), severity: plan.severity, alarm: this.#alarm(plan) })),
      ...burnRates.map((burn) => ({ id: `slo-burn-${burn.part}`, severity: burn.severity, alarm: this.#burn(burn) })),
    ];
    for (const { alarm } of told) alarm.addAlarmAction(new SnsAction(this.notices));
    this.parts = new Map(told.map(({ id: name, alarm }) => [name, alarm]));

    const together = (severity: Severity) =>
      told.filter((part) => part.severity === severity).map(({ alarm }) => alarm);
    const [critical, degraded] = severities.map((severity) => this.#composite(severity, together(severity)));
    this.critical = critical!;
    this.degraded = degraded!;
    this.critical.addAlarmAction(new SnsAction(this.topic));
    this.critical.addOkAction(new SnsAction(this.topic));
  }

  #alarm(plan: PlannedAlarm): cloudwatch.Alarm {
    const periods = plan.periods ?? 1;
    return new cloudwatch.Alarm(this, idOf(plan), {
      alarmName: this.#named(idOf(plan)),
      alarmDescription: this.#text(plan.kind, plan.happened, plan.customers),
      metric: plan.metric,
      comparisonOperator: comparisons[plan.when],
      threshold: plan.threshold,
      evaluationPeriods: periods,
      datapointsToAlarm: periods,
      treatMissingData:
        plan.missing === 'breaching'
          ? cloudwatch.TreatMissingData.BREACHING
          : cloudwatch.TreatMissingData.NOT_BREACHING,
    });
  }

  /** Two silent alarms, one for each window, and the one that tells when both agree. */
  #burn(burn: BurnRate): cloudwatch.CompositeAlarm {
    const window = (
      name: 'long' | 'short',
      props: Pick<cloudwatch.AlarmProps, 'metric' | 'comparisonOperator' | 'threshold'>,
    ) =>
      new cloudwatch.Alarm(this, `slo-burn-${burn.part}-${name}`, {
        alarmName: this.#named(`slo-burn-${burn.part}-${name}`),
        alarmDescription: `One of the two windows of ${this.#named(`slo-burn-${burn.part}`)}; by itself it tells nobody. ${this.#runbook('slo-burn')}`,
        evaluationPeriods: 1,
        treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
        ...props,
      });
    const long = window('long', {
      metric: missedShare(this.#pipeline, burn.long),
      comparisonOperator: comparisons['more than'],
      threshold: brokenPercent(burn),
    });
    const short = window('short', {
      metric: keptShare(this.#pipeline, burn.short),
      comparisonOperator: comparisons['less than'],
      threshold: keptAtLeast(burn),
    });
    return new cloudwatch.CompositeAlarm(this, `slo-burn-${burn.part}`, {
      compositeAlarmName: this.#named(`slo-burn-${burn.part}`),
      alarmDescription: this.#text(
        'slo-burn',
        `Live events are late (over ${slo.withinMs / 1000} s) or parked ${burn.rate} times faster than ${100 * slo.target} % allows; the month's error budget burns at ${burn.burnt}.`,
        'Plans of those who just paid, changed or cancelled are updated late or not at all.',
      ),
      alarmRule: allOf([long, short]),
    });
  }

  #composite(severity: Severity, parts: cloudwatch.AlarmBase[]): cloudwatch.CompositeAlarm {
    return new cloudwatch.CompositeAlarm(this, severity, {
      compositeAlarmName: this.#named(severity),
      alarmDescription:
        severity === 'critical'
          ? this.#text(
              severity,
              'At least one critical alarm fires.',
              'They are affected now, or events are being lost.',
            )
          : this.#text(severity, 'At least one alarm fires that can wait for the morning.', 'Few or none, so far.'),
      alarmRule: anyOf(parts),
    });
  }

  #named(part: string): string {
    const { appName, environment } = this.#pipeline.settings;
    return `${appName}-stripe-${part}-${environment}`;
  }

  #text(runbook: string, happened: string, customers: string): string {
    return `${happened} For customers: ${customers} ${this.#runbook(runbook)}`;
  }

  #runbook(name: string): string {
    return `What to do: ${this.#pipeline.settings.runbookBaseUrl}/${name}.md`;
  }
}

const comparisons = {
  'at least': cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
  'more than': cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
  'less than': cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
};

const inAlarm = (alarm: cloudwatch.IAlarm) => cloudwatch.AlarmRule.fromAlarm(alarm, cloudwatch.AlarmState.ALARM);
const anyOf = (alarms: cloudwatch.IAlarm[]) => cloudwatch.AlarmRule.anyOf(...alarms.map(inAlarm));
const allOf = (alarms: cloudwatch.IAlarm[]) => cloudwatch.AlarmRule.allOf(...alarms.map(inAlarm));
