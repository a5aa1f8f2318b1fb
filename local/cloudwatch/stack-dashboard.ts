import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { synthesise, type Template } from '../cloudformation/synthesise.ts';
import { TemplateValues } from '../cloudformation/template-values.ts';
import type { AlarmResource, AlarmState } from './alarm-states.ts';
import type { Widget } from './widget-lines.ts';

/** What the synthesised stack says of its dashboard and alarms, with names in place of references. */
export interface StackDashboard {
  name: string;
  widgets: Widget[];
  alarms: AlarmResource[];
}

/** Synthesises the app as the local run does (environment dev), so that both speak of the same names. */
export async function synthesiseDashboard(): Promise<StackDashboard> {
  const folder = mkdtempSync(join(tmpdir(), 'stripe-dashboard-'));
  try {
    const { template, stackName } = await synthesise(folder);
    return dashboardOf(template, stackName);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The alarm's name without what all names of the stack have in common. */
export const shortAlarmName = ({ properties }: AlarmResource): string =>
  String(properties.AlarmName).replace(/^.*?-stripe-(.*)-[a-z]+$/, '$1');

/** Name and state of each alarm, by the ARN that the dashboard's body names it with. */
export const statesByArn = (alarms: AlarmResource[], states: Map<string, AlarmState>) =>
  new Map(
    alarms.map((alarm) => [
      `${alarm.logicalId}.Arn`,
      { name: shortAlarmName(alarm), state: states.get(alarm.logicalId)! },
    ]),
  );

export function dashboardOf(template: Template, stackName: string): StackDashboard {
  const values = new TemplateValues(template, stackName, 'http://127.0.0.1');
  const [dashboard] = values.ofType('AWS::CloudWatch::Dashboard');
  if (!dashboard) throw new Error('The stack has no dashboard.');
  const body = JSON.parse(dashboard.properties.DashboardBody as string) as { widgets: Widget[] };
  const types = ['AWS::CloudWatch::Alarm', 'AWS::CloudWatch::CompositeAlarm'] as const;
  return {
    name: dashboard.properties.DashboardName as string,
    widgets: body.widgets,
    alarms: types.flatMap((type) =>
      values.ofType(type).map(({ logicalId, properties }) => ({ logicalId, type, properties })),
    ),
  };
}
