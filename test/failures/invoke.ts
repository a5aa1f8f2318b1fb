/** One invocation of a bundled handler in a process of its own: argv[2] is the folder, stdin the event; the answer goes to fd 3. */
import { readFileSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const { handler } = createRequire(import.meta.url)(join(process.argv[2]!, 'index.js'));
const event = JSON.parse(readFileSync(0, 'utf8'));
const answer = await handler(event, {
  functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
  awsRequestId: 'request-1',
  getRemainingTimeInMillis: () => Number(process.env.REMAINING_MS ?? 20_000),
});
writeSync(3, JSON.stringify(answer ?? null));
process.exit(0);
