import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Deployment } from './deployment.ts';
import { typist } from './page-commands.ts';
import type { Step } from './story.ts';

const page = 'restore-prod.md';

/**
 * "Tonight" of docs/runbooks/restore-prod.md: a stack of another name on the bus that is there. The first stack stands still beside it, since
 * outside prod nothing outlives a stack; its names are taken all the same, which is what the page is about.
 */
export async function tryRestoring(deployment: Deployment, source: string, step: Step): Promise<void> {
  const { type, left } = typist(deployment, page, () => ({}));
  await step('restore-prod: a stack beside what was kept', async () => {
    await type('aws events list-event-buses --name-prefix aws.partner/stripe.com', [0], new RegExp(source));
    writeFileSync(
      join(deployment.folder, 'dev.huntaze2.yaml'),
      `appName: huntaze2\nadoptEventBus: true\nstripeEventSourceName: ${source}\n`,
    );
    await type('npx cdk deploy -c environment=prod -c appName=huntaze2');
    await type(
      'aws secretsmanager get-secret-value --secret-id huntaze/stripe/prod --query SecretString --output text',
      [0],
      /DATABASE_URL/,
    );
    await type('npm run ops -- secrets --env prod --app huntaze2 --apply');
    const examined = await type('npm run ops -- doctor --env prod --app huntaze2 --ping', [0, 1]);
    assert.match(examined, /ping came out at the far end/);
    await type('npm run ops -- reconcile --env prod --app huntaze2', [0, 1]);
    await type('npm run ops -- status --env prod --app huntaze2', [0, 1]);
  });
  // Of the archive and the key of the stack that is gone; cdk import is excused by itself.
  const elsewhere =
    /^aws (events describe-archive|secretsmanager describe-secret|kms)|cdk deploy -c environment=prod$|--env prod( --ping)?$/;
  assert.deepEqual(
    [...left].filter((text) => !elsewhere.test(text)),
    [],
    `${page} has commands that were not typed`,
  );
}
