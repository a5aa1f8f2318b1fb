/**
 * One execution environment of a function, as Lambda would start it: loads the bundle, then answers one invocation at a time.
 *
 * What the handler prints goes to stdout and stderr; a line with the end mark on both says that all of one invocation is printed, since
 * pipes and messages reach the parent in no common order.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { endMark, type FunctionAnswer, type Invocation } from './function-protocol.ts';

const [, , functionName = '', codeFolder = '', handlerPath = ''] = process.argv;
const answerWith = (answer: FunctionAnswer) => process.send!(answer);

// Ctrl-C in a terminal reaches every process of the group; the parent stops us in order, or dies, which ends us too.
process.on('SIGINT', () => {});
process.on('disconnect', () => process.exit(0));

type Handler = (event: unknown, context: object) => Promise<unknown>;

function load(): Handler {
  const [file, name] = handlerPath.split('.') as [string, string];
  const exported = (createRequire(import.meta.url)(join(codeFolder, `${file}.js`)) as Record<string, unknown>)[name];
  if (typeof exported !== 'function') throw new Error(`${handlerPath} is not a function in ${codeFolder}`);
  return exported as Handler;
}

let handler: Handler;
try {
  handler = load();
  answerWith({ kind: 'ready' });
} catch (error) {
  answerWith({ kind: 'broken', message: (error as Error).stack ?? String(error) });
}

process.on('message', async ({ requestId, event, deadline, traceId }: Invocation) => {
  process.env._X_AMZN_TRACE_ID = traceId;
  const context = {
    functionName,
    functionVersion: '$LATEST',
    invokedFunctionArn: `arn:aws:lambda:${process.env.AWS_REGION}:000000000000:function:${functionName}`,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    awsRequestId: requestId,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: 'local',
    callbackWaitsForEmptyEventLoop: false,
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
  };
  let answer: FunctionAnswer;
  try {
    answer = { kind: 'answer', requestId, result: (await handler(event, context)) ?? null };
  } catch (error) {
    answer = { kind: 'failure', requestId, message: (error as Error)?.stack ?? String(error) };
  }
  process.stdout.write(endMark(requestId));
  process.stderr.write(endMark(requestId));
  answerWith(answer);
});
