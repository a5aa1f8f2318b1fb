import { Duration } from 'aws-cdk-lib';
import { Dashboard, PeriodOverride } from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import { pipelineNames } from '../names.ts';
import type { WatchedPipeline } from '../watched-pipeline.ts';
import type { Alarms } from './alarms.ts';
import { byDayRows } from './dashboard-by-day.ts';
import { customersRow } from './dashboard-customers.ts';
import { linksRow } from './dashboard-links.ts';

import { pathRows } from './dashboard-path.ts';
import { waitingRow } from './dashboard-waiting.ts';

/**
 * One page that answers on-call's questions in the order in which they come up. The first two fit on one screen of 1080 lines.
 */
export class PipelineDashboard extends Construct {
  readonly dashboardName: string;

  constructor(scope: Construct, id: string, pipeline: WatchedPipeline, alarms: Alarms) {
    super(scope, id);
    this.dashboardName = pipelineNames(pipeline.settings).dashboard;
    new Dashboard(this, 'Dashboard', {
      dashboardName: this.dashboardName,
      defaultInterval: Duration.hours(3),
      // Each number keeps the period it is named after, whatever range someone looks at.
      periodOverride: PeriodOverride.INHERIT,
      widgets: [
        ...customersRow(pipeline, alarms),
        ...pathRows(pipeline),
        ...waitingRow(pipeline),
        ...byDayRows(pipeline),
        ...linksRow(pipeline, alarms),
      ],
    });
  }
}
