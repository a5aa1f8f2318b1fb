import { type CloudWatchLogsClient, paginateFilterLogEvents } from '@aws-sdk/client-cloudwatch-logs';
import { GetFunctionConfigurationCommand, type LambdaClient } from '@aws-sdk/client-lambda';
import { isSettledLine, logLines } from '../../core/log-lines.ts';

/** How the events of a replay ended, by the functions' own log. */
export interface ReplayOutcomes {
  settled: number;
  by_outcome: Record<string, number>;
  by_type: Record<string, Record<string, number>>;
  parked_because: Record<string, number>;
}

/** Counts the settled line (`core/log-lines.ts`) of every event whose replay belongs to `runName`. */
export async function replayOutcomes(
  logs: CloudWatchLogsClient,
  logGroups: readonly string[],
  runName: string,
  since: Date,
): Promise<ReplayOutcomes> {
  const outcomes: ReplayOutcomes = { settled: 0, by_outcome: {}, by_type: {}, parked_because: {} };
  const pages = logGroups.map((logGroupName) =>
    paginateFilterLogEvents(
      { client: logs },
      {
        logGroupName,
        startTime: since.getTime(),
        filterPattern: `{ $.message = "${logLines.settled}" && $.replay_name = "${runName}-*" }`,
      },
    ),
  );
  for (const group of pages) {
    for await (const { events = [] } of group)
      for (const { message } of events) count(outcomes, lineIn(message), runName);
  }
  return outcomes;
}

/** Where functions log, as Lambda has it. */
export async function logGroupsOf(lambda: LambdaClient, functionNames: readonly string[]): Promise<string[]> {
  const found = await Promise.all(
    functionNames.map((FunctionName) => lambda.send(new GetFunctionConfigurationCommand({ FunctionName }))),
  );
  return found.map(({ LoggingConfig, FunctionName }) => LoggingConfig?.LogGroup ?? `/aws/lambda/${FunctionName}`);
}

function count(outcomes: ReplayOutcomes, line: { message?: unknown }, runName: string): void {
  if (!isSettledLine(line) || !String(line.replay_name).startsWith(`${runName}-`)) return;
  const outcome = String(line.outcome);
  const type = String(line.event_type);
  outcomes.settled += 1;
  outcomes.by_outcome[outcome] = (outcomes.by_outcome[outcome] ?? 0) + 1;
  outcomes.by_type[type] ??= {};
  outcomes.by_type[type][outcome] = (outcomes.by_type[type][outcome] ?? 0) + 1;
  if (outcome === 'parked')
    outcomes.parked_because[String(line.reason)] = (outcomes.parked_because[String(line.reason)] ?? 0) + 1;
}

function lineIn(message: string | undefined): { message?: unknown } {
  try {
    return JSON.parse(message ?? '') as { message?: unknown };
  } catch {
    // A line of the platform's own.
    return {};
  }
}
