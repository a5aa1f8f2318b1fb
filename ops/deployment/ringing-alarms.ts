import { DescribeAlarmsCommand } from '@aws-sdk/client-cloudwatch';
import type { Ops } from '../cli/ops.ts';
import { stackResources } from './stack-resources.ts';

/** Names that one call of DescribeAlarms takes. */
const NAMES_PER_CALL = 100;

/** Alarms of this stack that ring now, found through the stack's own resources. */
export async function ringingAlarms(ops: Ops): Promise<string[]> {
  const names = (await stackResources(ops)).filter(({ type }) => type.endsWith('Alarm')).map((one) => one.physicalId);
  const ringing: string[] = [];
  for (let start = 0; start < names.length; start += NAMES_PER_CALL) {
    const { MetricAlarms = [], CompositeAlarms = [] } = await ops.aws.cloudwatch.send(
      new DescribeAlarmsCommand({
        AlarmNames: names.slice(start, start + NAMES_PER_CALL),
        AlarmTypes: ['MetricAlarm', 'CompositeAlarm'],
        StateValue: 'ALARM',
      }),
    );
    ringing.push(...[...MetricAlarms, ...CompositeAlarms].flatMap(({ AlarmName }) => AlarmName ?? []));
  }
  return ringing.sort();
}
