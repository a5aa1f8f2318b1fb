import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { root } from '../deploy/deployment.ts';
import { limits } from '../deploy/emulator-limits.ts';
import { acts } from './acts.ts';
import { play } from './play.ts';
import { rehearsalSandbox } from './rehearsal.ts';
import { realSandbox, type Sandbox } from './sandbox.ts';
import { Transcript } from './transcript.ts';

/**
 * `npm run test:aws`: the first meeting with AWS, for whoever has a sandbox account, a Stripe test key and an empty Postgres. Asks before it
 * spends, takes away what it made, and writes what happened to `.local/test-aws/`.
 *
 * `--rehearse` plays the same acts on this machine, against the emulator; the transcript names what that cannot show.
 */
const rehearse = process.argv.includes('--rehearse');
let sandbox: Sandbox;
try {
  sandbox = rehearse ? await rehearsalSandbox() : await realSandbox(process.env);
} catch (error) {
  console.error((error as Error).message);
  process.exit(2);
}

const stamp = new Date().toISOString().slice(0, 19).replace(/[-:]/g, '');
const transcript = new Transcript(
  join(root, '.local', 'test-aws', `${stamp}.md`),
  `${rehearse ? 'Rehearsed' : 'Played'} on ${sandbox.called}`,
);
try {
  if (rehearse || (await agreed(sandbox))) {
    const { failed, unseen } = await play(sandbox, acts, transcript);
    transcript.act('In the end');
    for (const line of failed) transcript.says(`Failed: ${line}`);
    if (rehearse)
      for (const what of [...unseen, ...Object.values(limits)]) transcript.says(`Only AWS can show: ${what}`);
    transcript.says(failed.length === 0 ? 'Every act went as it should.' : 'Not every act went as it should.');
    process.exitCode = failed.length === 0 ? 0 : 1;
    console.log(`\nThe transcript: ${transcript.file}`);
  } else process.exitCode = 2;
} finally {
  await sandbox.stop();
}

async function agreed({ account, region, appName }: Sandbox): Promise<boolean> {
  console.log(
    [
      `This makes in the AWS account ${account}, ${region}: the stack ${appName}-stripe-dev (functions, queues, a bus, an archive, a table, a bucket,`,
      'a dashboard, some 50 alarms, later a customer key) and the CDK bootstrap stack if there is none; at Stripe, in test mode: an event',
      'destination and a few customers; in the database of MIGRATION_DATABASE_URL: the schema billing and its roles, which stay.',
      'It takes about an hour, of which AWS bills the alarms, the dashboard and the key. In the end it takes the stack and the destination away.',
    ].join('\n'),
  );
  const asked = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await asked.question(`Type ${account} to go on: `);
  asked.close();
  return answer.trim() === account;
}
