/** Calls a bundled handler, warm, and says on standard error what it took: a line of JSON. Its log goes to standard output, as in Lambda. Started by bench/handler/handler.ts. */
import { createRequire } from 'node:module';
import { type Size, workload } from '../apply/workload.ts';
import { median } from '../table.ts';

export interface HandlerRequest {
  file: string;
  batch: number;
  size: Size;
}

export interface HandlerTook {
  events: number;
  /** Microseconds of processor for each event. */
  cpu: number;
  /** Milliseconds of an invocation, median. */
  p50: number;
}

const context = {
  functionName: 'bench',
  functionVersion: '1',
  invokedFunctionArn: 'arn:aws:lambda:us-east-1:123456789012:function:bench',
  memoryLimitInMB: '512',
  awsRequestId: 'request',
  getRemainingTimeInMillis: () => 30_000,
};

if (process.argv[2] !== undefined) await run(JSON.parse(process.argv[2]));

async function run({ file, batch, size }: HandlerRequest): Promise<void> {
  const { handler } = createRequire(import.meta.url)(file) as {
    handler(event: object, context: object): Promise<unknown>;
  };
  const { warmUp, measured } = workload(size);
  const invoke = async (messages: typeof measured) => {
    const took: number[] = [];
    for (let from = 0; from < messages.length; from += batch) {
      const startedAt = performance.now();
      await handler(
        { Records: messages.slice(from, from + batch).map(({ body }, n) => record(body, `${from + n}`)) },
        context,
      );
      took.push(performance.now() - startedAt);
    }
    return took;
  };
  const ofBilling = (messages: typeof measured) => messages.filter(({ worker }) => worker === 'billing');
  await invoke(ofBilling(warmUp));
  // What it prints from here on is what is counted.
  process.stdout.write('\0');
  const before = process.cpuUsage();
  const took = await invoke(ofBilling(measured));
  const { user, system } = process.cpuUsage(before);
  const events = ofBilling(measured).length;
  process.stderr.write(
    `${JSON.stringify({ events, cpu: (user + system) / events, p50: median(took) } satisfies HandlerTook)}\n`,
    () => process.exit(0),
  );
}

function record(body: string, messageId: string): object {
  return {
    messageId,
    receiptHandle: 'receipt',
    body,
    attributes: {
      ApproximateReceiveCount: '1',
      SentTimestamp: '1790000000000',
      ApproximateFirstReceiveTimestamp: '1790000000000',
      SenderId: 'events',
    },
    messageAttributes: {},
    md5OfBody: '',
    eventSource: 'aws:sqs',
    eventSourceARN: 'arn:aws:sqs:us-east-1:123456789012:bench',
    awsRegion: 'us-east-1',
  };
}
