import type { Game } from './game.ts';

/** Something that goes wrong at night: how it is made, what diagnose must call it, and what its page says to do. */
export interface Fault {
  id: string;
  inject(game: Game): Promise<unknown>;
  /** By the table of causes: ops/diagnose/causes.ts. */
  cause: string;
  /** What status says of it within five minutes. */
  statusSays: RegExp;
  /** What the page says instead of the command that diagnose names, or after it. */
  instead?(game: Game): string[];
  afterwards?(game: Game, since: Date): string[];
  /** What customers do while it lasts. @default they go on buying */
  meanwhile?(game: Game): Promise<void>;
}

const billing = 'huntaze-stripe-billing-dev';

/** What lay nowhere but in the archive: the page's replay, with its margin. */
const replaySince = (_game: Game, since: Date): string[] => [
  `npm run ops -- replay --from ${new Date(since.getTime() - 300_000).toISOString()} --to ${new Date().toISOString()} --allow-recent --apply --env dev`,
];

/** Played first, since it wants an empty database. */
export const schemaBehind: Fault = {
  id: 'schema-behind',
  // Nobody has migrated yet.
  inject: async () => {},
  cause: 'schema-behind',
  statusSays: /attempts to settle an event failed|settles nothing/,
};

/** Played in an order that nobody knows. */
export const faults: readonly Fault[] = [
  {
    id: 'function-cannot-start',
    inject: async ({ deployment }) => {
      await deployment.shell(
        `printf 'throw new Error("a bad night")' > index.js; python3 -m zipfile -c broken.zip index.js
aws lambda update-function-code --function-name ${billing} --zip-file fileb://broken.zip --query CodeSha256`,
      );
    },
    cause: 'function-changed',
    statusSays: /billing settles nothing|of billing crashed/,
  },
  {
    id: 'rule-disabled',
    inject: ({ deployment, source }) =>
      deployment.shell(`aws events disable-rule --name ${billing} --event-bus-name ${source}`),
    cause: 'rule-disabled',
    statusSays: /rule huntaze-stripe-billing-dev is disabled/,
    afterwards: replaySince,
  },
  {
    id: 'mapping-off',
    inject: ({ deployment, outputs }) =>
      deployment.shell(`aws lambda update-event-source-mapping --uuid ${outputs.BillingMappingId} --no-enabled`),
    cause: 'paused',
    statusSays: /billing is paused/,
  },
  {
    id: 'queue-deleted',
    inject: ({ deployment, outputs }) =>
      deployment.shell(`aws sqs delete-queue --queue-url ${outputs.BillingQueueUrl}`),
    cause: 'queue-deleted',
    statusSays: /queue of billing does not exist/,
    // The emulator has no drift-aware change sets: the page's own commands for one queue.
    instead: (game) => [
      game.recipe('queue-deleted'),
      'npm run ops -- pause billing --apply --env dev',
      'npm run ops -- resume billing --apply --env dev',
    ],
    afterwards: replaySince,
  },
  {
    id: 'secret-empty',
    inject: ({ deployment, outputs }) =>
      deployment.shell(
        `aws secretsmanager put-secret-value --secret-id '${outputs.SecretArn}' --secret-string '{"DATABASE_URL":"","STRIPE_SECRET_KEY":"","API_KEY":""}'`,
      ),
    cause: 'secret-not-set',
    statusSays: /are empty in the secret/,
  },
  {
    id: 'key-revoked',
    inject: async (game) => {
      const secret = JSON.stringify({
        DATABASE_URL: game.variables.PIPELINE_DATABASE_URL,
        STRIPE_SECRET_KEY: 'sk_test_revoked',
        API_KEY: '',
      });
      await game.deployment.shell(
        `aws secretsmanager put-secret-value --secret-id '${game.outputs.SecretArn}' --secret-string '${secret}'`,
      );
    },
    cause: 'stripe-key',
    statusSays: /Stripe does not accept the key/,
    meanwhile: (game) => game.twoUpdatesOfOneSecond(),
  },
  {
    id: 'password-rotated',
    inject: async (game) => {
      const password = `rotated${Date.now()}`;
      await game.deployment.owner.query(`alter role stripe_writer password '${password}'`);
      // A session lives on with the old one; a pooler that restarts does not keep it.
      await game.deployment.owner.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where usename = 'stripe_writer'`,
      );
      game.variables.PIPELINE_DATABASE_URL = withPassword(game.variables.PIPELINE_DATABASE_URL!, password);
    },
    cause: 'database-password',
    statusSays: /attempts to settle an event failed|settles nothing/,
  },
  {
    id: 'database-down',
    inject: ({ deployment }) => deployment.postgres.stop('immediate'),
    cause: 'database-down',
    statusSays: /attempts to settle an event failed|settles nothing/,
    // Whoever owns the database starts it: the page says to wait.
    instead: () => ['# the owner of the database starts it again'],
  },
  {
    id: 'poison-flood',
    inject: (game) => game.poison(60),
    cause: 'dead-letters',
    statusSays: /60 messages in billing-failed/,
    instead: ({ deployment }) => [
      `npm run ops -- redrive --queue billing-failed --reason unreadable_event --discard --file ${deployment.folder}/poison.ndjson --apply --env dev`,
    ],
  },
  {
    id: 'audit-bucket-gone',
    // A bucket with versions must lose each of them first.
    inject: ({ deployment, outputs }) =>
      deployment.shell(`bucket=${outputs.AuditBucketName}
for kind in Versions DeleteMarkers; do
  aws s3api list-object-versions --bucket "$bucket" --query "$kind[].[Key,VersionId]" --output text | while read -r key version; do
    [ "$key" = None ] || aws s3api delete-object --bucket "$bucket" --key "$key" --version-id "$version" > /dev/null
  done
done
aws s3api delete-bucket --bucket "$bucket"`),
    cause: 'audit-bucket-gone',
    statusSays: /audit settles nothing|of audit crashed/,
  },
  {
    id: 'destination-disabled',
    inject: async ({ deployment }) => {
      for (const destination of deployment.stripe.destinations.values())
        Object.assign(destination, { status: 'disabled', status_details: { disabled: { reason: 'user' } } });
    },
    cause: 'destination-disabled',
    statusSays: /Stripe sends nothing.* is disabled/,
    afterwards: () => ['npm run ops -- reconcile --apply --env dev'],
  },
  {
    id: 'unknown-price',
    inject: (game) => game.sellWhatNoPlanHas(),
    cause: 'unknown-price',
    statusSays: /had a price that config\/plans.yaml lacks/,
    meanwhile: (game) => game.someBuyIt(),
    // The product owner says which plan it is; the file is the copy's that the game is played in.
    instead: (game) => [game.addsThePrice(), 'npx cdk deploy -c environment=dev'],
    afterwards: replaySince,
  },
];

export const withPassword = (url: string, password: string): string => {
  const changed = new URL(url);
  changed.password = password;
  return changed.href;
};
