import {
  GetQueryResultsCommand,
  type GetQueryResultsCommandOutput,
  StartQueryCommand,
  StopQueryCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import { workers } from '../../core/workers.ts';
import { functionNamesOf, ofWorkers } from '../../lib/outputs.ts';
import { type SavedQuery, savedQueries, textOf } from '../../lib/watch/saved-queries.ts';
import type { Ops } from '../cli/ops.ts';
import { Refusal } from '../cli/refusal.ts';
import type { Report } from '../cli/verb-report.ts';
import { logGroupsOf } from '../replay/outcomes.ts';

export interface SavedQueries {
  queries: { name: string; of: SavedQuery['of']; asks_for: string | null }[];
}

export interface LogAnswer {
  query: string;
  /** As it was asked, with the id in its place. */
  text: string;
  since: string;
  columns: string[];
  rows: Record<string, string>[];
}

/** Logs Insights answers within seconds; a minute covers a day of heavy traffic. */
const TIMEOUT_MS = 60_000;

/** The saved queries, and which of them want an id. */
export async function listQueries(): Promise<Report<SavedQueries>> {
  const queries = savedQueries.map((query) => ({
    name: query.name,
    of: query.of,
    asks_for: placeholderOf(textOf(query)),
  }));
  return { data: { queries }, found: [] };
}

/**
 * Asks a saved query of the logs of the last `seconds`.
 * @throws {Refusal} when there is no such query, when it wants an id and none was given, or when Logs Insights gives up.
 */
export async function askLogs(
  ops: Ops,
  name: string,
  { seconds, id }: { seconds: number; id?: string | undefined },
): Promise<Report<LogAnswer>> {
  const text = queryText(name, id, ops);
  const { outputs } = await ops.stack();
  const of = savedQueries.find((query) => query.name === name)?.of;
  const functions =
    of === 'workers' ? workers.map((worker) => ofWorkers(outputs, 'FunctionName')[worker]) : functionNamesOf(outputs);
  const until = ops.now();
  const since = new Date(until.getTime() - seconds * 1000);
  const { queryId } = await ops.aws.logs.send(
    new StartQueryCommand({
      logGroupNames: await logGroupsOf(ops.aws.lambda, functions),
      queryString: text,
      startTime: Math.floor(since.getTime() / 1000),
      endTime: Math.ceil(until.getTime() / 1000),
    }),
  );
  const rows = rowsOf(await settled(ops, queryId!));
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  return { data: { query: name, text, since: since.toISOString(), columns, rows }, found: [] };
}

function queryText(name: string, id: string | undefined, ops: Ops): string {
  const query = savedQueries.find((one) => one.name === name);
  if (!query)
    throw new Refusal(
      'no_such_query',
      `There is no saved query "${name}".`,
      `\`${ops.lines.verb('logs')}\` lists them; the name is quoted on the command line.`,
    );
  const text = textOf(query);
  const wanted = placeholderOf(text);
  if (wanted === null) return text;
  if (id === undefined || !/^[\w.-]{1,120}$/.test(id))
    throw new Refusal(
      'id_needed',
      `"${name}" wants ${wanted}${id === undefined ? '' : `, got "${id}"`}.`,
      `\`${ops.lines.verb(`logs "${name}" --id ${wanted.split(' ')[0]}`)}\``,
    );
  const prefix = /^(evt|cus|sub)_/.exec(id)?.[0] ?? '';
  return text.replaceAll(`${prefix}REPLACE`, id);
}

/** What a query has an example of in its place: `evt_…`, or `cus_… or sub_…`. */
function placeholderOf(text: string): string | null {
  const found = [
    ...new Set([...text.matchAll(/(\w*_)?REPLACE/g)].map(([, prefix]) => (prefix ? `${prefix}…` : 'a name'))),
  ];
  return found.length === 0 ? null : found.join(' or ');
}

async function settled(ops: Ops, queryId: string): Promise<GetQueryResultsCommandOutput> {
  const giveUpAt = ops.now().getTime() + TIMEOUT_MS;
  for (;;) {
    const answer = await ops.aws.logs.send(new GetQueryResultsCommand({ queryId }));
    if (answer.status === 'Complete') return answer;
    if (['Failed', 'Cancelled', 'Timeout'].includes(answer.status ?? '') || ops.now().getTime() > giveUpAt) {
      if (answer.status === 'Running') await ops.aws.logs.send(new StopQueryCommand({ queryId }));
      throw new Refusal(
        'query_failed',
        `Logs Insights did not answer (${answer.status}).`,
        'Ask a shorter time: --minutes 15. The same query is in the console, under Logs Insights.',
      );
    }
    await ops.sleep(1000);
  }
}

/** Without `@ptr`, which is Logs Insights' own way back to the line. */
const rowsOf = ({ results = [] }: GetQueryResultsCommandOutput): Record<string, string>[] =>
  results.map((fields) =>
    Object.fromEntries(
      fields.flatMap(({ field, value }) => (field === undefined || field === '@ptr' ? [] : [[field, value ?? '']])),
    ),
  );
