import { paginateListStackResources } from '@aws-sdk/client-cloudformation';
import { DescribeAlarmsCommand } from '@aws-sdk/client-cloudwatch';
import type { Ops } from '../cli/ops.ts';

/** Alarms of this stack that ring now, found through the stack's own resources. */
export async function ringingAlarms({ aws, stackName }: Ops): Promise<string[]> {
  const names: string[] = [];
  for await (const { StackResourceSummaries = [] } of paginateListStackResources(
    { client: aws.cloudformation },
    { StackName: stackName },
  )) {
    for (const { ResourceType, PhysicalResourceId } of StackResourceSummaries) {
      if (ResourceType?.endsWith('Alarm') && PhysicalResourceId) names.push(PhysicalResourceId);
    }
  }
  const ringing: string[] = [];
  for (let start = 0; start < names.length; start += 100) {
    const { MetricAlarms = [], CompositeAlarms = [] } = await aws.cloudwatch.send(
      new DescribeAlarmsCommand({
        AlarmNames: names.slice(start, start + 100),
        AlarmTypes: ['MetricAlarm', 'CompositeAlarm'],
        StateValue: 'ALARM',
      }),
    );
    ringing.push(...[...MetricAlarms, ...CompositeAlarms].flatMap(({ AlarmName }) => AlarmName ?? []));
  }
  return ringing.sort();
}
