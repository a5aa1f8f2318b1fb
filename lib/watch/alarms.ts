import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { slo } from '../../core/metrics.ts';
import type { WatchedPipeline } from '../watched-pipeline.ts';
import { alarmText } from './alarm-text.ts';
import { AlarmTopics } from './alarm-topics.ts';
import { customerAlarms } from './customer-alarms.ts';
import { deliveryAlarms } from './delivery-alarms.ts';
import { DeploymentNotice } from './deployment-notice.ts';
import { HandMadeChanges } from './hand-made-changes.ts';
import { alarmIdOf, type PlannedAlarm, type Severity, severities } from './planned-alarm.ts';
import { processingAlarms } from './processing-alarms.ts';
import { type BurnRate, brokenPercent, burnRates, keptAtLeast, keptShare, missedShare } from './slo-burn.ts';
import { type Thresholds, thresholdsOf } from './thresholds.ts';
import { arrivals, hours } from './watched-metrics.ts';

/** Everything that an alarm has besides its name and its text. */
type Condition = Pick<PlannedAlarm, 'metric' | 'when' | 'threshold' | 'periods' | 'missing'>;

interface Ringing {
  readonly id: string;
  readonly severity: Severity;
  readonly alarm: cloudwatch.AlarmBase;
}

/**
 * Everything that can be wrong, and who hears of it.
 *
 * Each alarm informs (`notices`), when it begins and when it ends; all critical ones together make one more alarm, and that one pages
 * (`topic`). The two composites are the health word as well: `critical`, else `degraded`, else all is well.
 */
export class Alarms extends Construct {
  /** Wakes someone. */
  readonly topic: Topic;
  /** Hears of every alarm. */
  readonly notices: Topic;
  /** In alarm while any critical one is. */
  readonly critical: cloudwatch.CompositeAlarm;
  /** In alarm while any of the others is. */
  readonly degraded: cloudwatch.CompositeAlarm;
  /** Each alarm that says something by itself, by `<kind>[-<part>]`, the critical ones first. */
  readonly parts: ReadonlyMap<string, cloudwatch.AlarmBase>;
  readonly #pipeline: WatchedPipeline;
  readonly #thresholds: Thresholds;

  constructor(scope: Construct, id: string, pipeline: WatchedPipeline) {
    super(scope, id);
    this.#pipeline = pipeline;
    const { environment, thresholds } = pipeline.settings;
    this.#thresholds = thresholdsOf(environment, thresholds);
    const topics = new AlarmTopics(this, 'Topics', pipeline);
    this.topic = topics.page;
    this.notices = topics.notices;
    new DeploymentNotice(this, 'DeploymentNotice', pipeline, this.notices);
    new HandMadeChanges(this, 'HandMadeChanges', pipeline, this.topic);

    const planned = [deliveryAlarms, processingAlarms, customerAlarms].flatMap((alarms) =>
      alarms(pipeline, this.#thresholds),
    );
    const single = planned.map((plan) => ({ id: alarmIdOf(plan), severity: plan.severity, alarm: this.#alarm(plan) }));
    const ringing: Ringing[] = [
      ...single,
      this.#silence(new Map(single.map((one) => [one.id, one.alarm]))),
      ...burnRates.map((burn) => this.#burn(burn)),
    ];
    const toNotices = new SnsAction(this.notices);
    for (const { alarm } of ringing) {
      alarm.addAlarmAction(toNotices);
      alarm.addOkAction(toNotices);
    }
    const of = (severity: Severity) => ringing.filter((one) => one.severity === severity);
    this.parts = new Map(severities.flatMap(of).map((one) => [one.id, one.alarm]));

    const [critical, degraded] = severities.map((severity) =>
      this.#composite(
        severity,
        of(severity).map(({ alarm }) => alarm),
      ),
    );
    this.critical = critical!;
    this.degraded = degraded!;
    this.critical.addAlarmAction(new SnsAction(this.topic));
    this.critical.addOkAction(new SnsAction(this.topic));
  }

  #alarm(plan: PlannedAlarm): cloudwatch.Alarm {
    const { kind, happened, customers } = plan;
    return this.#single(alarmIdOf(plan), alarmText(this.#pipeline.settings, kind, happened, customers), plan);
  }

  #single(name: string, alarmDescription: string, condition: Condition): cloudwatch.Alarm {
    const { metric, when, threshold, periods = 1, missing = 'notBreaching' } = condition;
    return new cloudwatch.Alarm(this, name, {
      alarmName: this.#named(name),
      alarmDescription,
      metric,
      comparisonOperator: comparisons[when],
      threshold,
      evaluationPeriods: periods,
      datapointsToAlarm: periods,
      treatMissingData: missingData[missing],
    });
  }

  /** A part of a composite: it says nothing by itself. */
  #part(name: string, of: string, condition: Condition): cloudwatch.Alarm {
    return this.#single(name, `A part of ${this.#named(of)}; by itself it rings nothing.`, condition);
  }

  /** Two windows, and the alarm that rings when both agree. */
  #burn(burn: BurnRate): Ringing {
    const id = `slo-burn-${burn.part}`;
    const long = this.#part(`${id}-long`, id, {
      metric: missedShare(this.#pipeline, burn.long, this.#thresholds),
      when: 'more than',
      threshold: brokenPercent(burn),
    });
    const short = this.#part(`${id}-short`, id, {
      metric: keptShare(this.#pipeline, burn.short),
      when: 'less than',
      threshold: keptAtLeast(burn),
    });
    const alarm = new cloudwatch.CompositeAlarm(this, id, {
      compositeAlarmName: this.#named(id),
      alarmDescription: alarmText(
        this.#pipeline.settings,
        'slo-burn',
        `Live events are late (over ${slo.withinMs / 1000} s) or parked ${burn.rate} times faster than ${100 * slo.target} % allows; the month's error budget burns at ${burn.burnt}.`,
        'Plans of those who just paid, changed or cancelled are updated late or not at all.',
      ),
      alarmRule: allOf([inAlarm(long), inAlarm(short)]),
    });
    return { id, severity: burn.severity, alarm };
  }

  /**
   * Nothing comes, although Stripe has something for us: the reconcile run found events that we lack, or no run says anything any more.
   * A shop that sleeps is silent as well, and rings nothing.
   */
  #silence(others: ReadonlyMap<string, cloudwatch.AlarmBase>): Ringing {
    const { settings } = this.#pipeline;
    const silent = this.#part('silence-arrivals', 'silence', {
      metric: arrivals(this.#pipeline, { statistic: 'Sum', period: hours(1) }),
      when: 'less than',
      threshold: 1,
      periods: this.#thresholds.silenceHours,
      // A heartbeat: no data is exactly what it looks for.
      missing: 'breaching',
    });
    const alarm = new cloudwatch.CompositeAlarm(this, 'silence', {
      compositeAlarmName: this.#named('silence'),
      alarmDescription: alarmText(
        settings,
        'silence',
        `No event at all came from Stripe for ${this.#thresholds.silenceHours} hours, and Stripe has events that we lack, or nothing can tell whether it has.`,
        'Who pays, changes or cancels sees it up to an hour late, when the reconcile run repairs it, or not at all.',
      ),
      alarmRule: allOf([
        inAlarm(silent),
        anyOf(['missed-events', 'reconcile-silent'].map((name) => inAlarm(others.get(name)!))),
      ]),
    });
    return { id: 'silence', severity: settings.environment === 'prod' ? 'critical' : 'degraded', alarm };
  }

  #composite(severity: Severity, parts: cloudwatch.AlarmBase[]): cloudwatch.CompositeAlarm {
    const [happened, customers] = {
      critical: ['At least one critical alarm fires.', 'They are affected now, or events are being lost.'],
      degraded: ['At least one alarm fires that can wait for the morning.', 'Few or none, so far.'],
    }[severity] as [string, string];
    return new cloudwatch.CompositeAlarm(this, severity, {
      compositeAlarmName: this.#named(severity),
      alarmDescription: alarmText(this.#pipeline.settings, severity, happened, customers),
      alarmRule: anyOf(parts.map(inAlarm)),
    });
  }

  #named(part: string): string {
    const { appName, environment } = this.#pipeline.settings;
    return `${appName}-stripe-${part}-${environment}`;
  }
}

const comparisons = {
  'at least': cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
  'more than': cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
  'less than': cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
};

const missingData = {
  breaching: cloudwatch.TreatMissingData.BREACHING,
  notBreaching: cloudwatch.TreatMissingData.NOT_BREACHING,
  ignore: cloudwatch.TreatMissingData.IGNORE,
};

const inAlarm = (alarm: cloudwatch.IAlarm) => cloudwatch.AlarmRule.fromAlarm(alarm, cloudwatch.AlarmState.ALARM);
const anyOf = (rules: cloudwatch.IAlarmRule[]) => cloudwatch.AlarmRule.anyOf(...rules);
const allOf = (rules: cloudwatch.IAlarmRule[]) => cloudwatch.AlarmRule.allOf(...rules);
