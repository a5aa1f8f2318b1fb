import { Stack } from 'aws-cdk-lib';
import { type IWidget, TextWidget } from 'aws-cdk-lib/aws-cloudwatch';
import type { WatchedPipeline } from '../watched-pipeline.ts';
import type { Alarms } from './alarms.ts';
import { fullWidth, question } from './dashboard-parts.ts';
import { queryFolder } from './log-queries.ts';
import { alarmKinds } from './planned-alarm.ts';
import { savedQueries } from './saved-queries.ts';

/** Runbooks that no alarm links, because a person starts them. */
export const situations = [
  'stripe-incident',
  'supabase-down',
  'deleted-by-hand',
  'queue-deleted',
  'bus-gone',
  'audit-bucket-gone',
  'function-changed-by-hand',
  'partner-source-not-found',
  'restore-prod',
  'says-stale',
  'support',
  'replay-after-a-bug',
  'api-version-upgrade',
  'rollback',
  'go-live-checklist',
  'gameday',
] as const;

/** Where to go from here. */
export function linksRow(pipeline: WatchedPipeline, alarms: Alarms): IWidget[][] {
  const { settings, sources } = pipeline;
  const { region } = Stack.of(alarms);
  const console = (service: string, page: string) =>
    `https://${region}.console.aws.amazon.com/${service}/home?region=${region}#${page}`;
  // Without an address the runbooks are a folder of the repository, which the console cannot open.
  const online = settings.runbookBaseUrl;
  const where = online ? '' : ' (in `docs/runbooks`)';
  const runbooks = (names: readonly string[]) =>
    names.map((name) => (online ? `[${name}](${online}/${name}.md)` : name)).join(' · ');
  const markdown = [
    `**Runbooks by alarm**${where} ${runbooks(['critical', 'degraded', ...alarmKinds])}`,
    `**By situation** ${runbooks(situations)}`,
    `**Saved log queries** in the folder \`${queryFolder(pipeline)}\` of [Logs Insights](${console('cloudwatch', 'logsV2:logs-insights')}): ${savedQueries.map(({ name }) => name).join(' · ')}`,
    `**Traces** [search by \`annotation.event_id = "evt_…"\`](${console('cloudwatch', 'xray:traces/query')}) · **Queues** [all](${console('sqs/v3', '/queues')}) · **Archive** ${sources.map(({ archiveName }) => `[${archiveName}](${console('events', `/archive/${archiveName}`)})`).join(' ')} · replay with \`npm run ops -- replay\``,
  ].join('\n\n');
  return [question('5 · Where do I go from here?'), [new TextWidget({ markdown, width: fullWidth, height: 3 })]];
}
