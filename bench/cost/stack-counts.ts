import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { synthesise } from '../../local/cloudformation/synthesise.ts';
import type { StackCounts } from './cost.ts';

/** Counted in the synthesised template of the development environment; the other environments have the same alarms. */
export async function stackCounts(): Promise<StackCounts> {
  const folder = mkdtempSync(join(tmpdir(), 'cost-'));
  try {
    const { template } = await synthesise(folder);
    const all = (type: string) => Object.values(template.Resources).filter((resource) => resource.Type === type);
    const metricsOf = (properties: { Metrics?: { MetricStat?: unknown }[] }) =>
      properties.Metrics?.filter(({ MetricStat }) => MetricStat !== undefined).length ?? 1;
    return {
      alarmMetrics: all('AWS::CloudWatch::Alarm').reduce((sum, { Properties }) => sum + metricsOf(Properties ?? {}), 0),
      compositeAlarms: all('AWS::CloudWatch::CompositeAlarm').length,
      dashboards: all('AWS::CloudWatch::Dashboard').length,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
