/** A bundled handler in a process of its own, invocation after invocation, as Lambda keeps one: argv[2] is the folder, each line of stdin an event; answers go to fd 3. */
import { writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const { handler } = createRequire(import.meta.url)(join(process.argv[2]!, 'index.js'));
let text = '';
for await (const chunk of process.stdin.setEncoding('utf8')) {
  text += chunk;
  for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
    const line = text.slice(0, end);
    text = text.slice(end + 1);
    const answer = await handler(JSON.parse(line), {
      functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
      awsRequestId: 'request-1',
      getRemainingTimeInMillis: () => 60_000,
    });
    // What a message's keys must never reach: the prototype that every object of the process shares.
    const polluted = 'polluted' in {} || Object.keys(Object.prototype).length > 0;
    writeSync(3, `${JSON.stringify({ ...answer, polluted })}\n`);
  }
}
