import assert from 'node:assert/strict';
import { type Prod, stack } from './prod.ts';
import { outputsOf } from './recipes.ts';
import type { Step } from './story.ts';

const page = 'api-version-upgrade.md';

/** What apps and operators know by name: an upgrade changes none of it. */
const known = [
  'AppBusName',
  'BillingQueueUrl',
  'PaymentsQueueUrl',
  'AuditQueueUrl',
  'AuditBucketName',
  'BillingFunctionName',
];

/**
 * An upgrade of Stripe's API version by docs/runbooks/api-version-upgrade.md, every command as it stands there: into the cut-over and back, in
 * again, over and back, and over for good. After each, an event by the sources that count at that moment is in the database.
 *
 * @returns the source that it ends with
 * @throws {Error} also when the page has a command that this does not type.
 */
export async function tryCutOver(prod: Prod, step: Step): Promise<string> {
  const { deployment, source: old, settings, planArrives } = prod;
  const { stripe, owner, shell, typed } = deployment;
  const ids = { ed_OLD: idOf(old), ed_NEW: '' };
  const { type, left } = prod.typist(page, () => ids);
  const deploy = 'npx cdk deploy -c environment=prod';
  const outputs = () => outputsOf(shell, stack);
  const names = async () => {
    const all = await outputs();
    return known.map((name) => all[name]);
  };
  const before = await names();
  const archives = async () => {
    const found = await shell(
      `aws events list-archives --name-prefix huntaze-stripe --query "Archives[].ArchiveName" --output text`,
    );
    return found.split(/\s+/).filter((name) => name.endsWith('-prod'));
  };
  const buses = () => shell('aws events list-event-buses --query "EventBuses[].Name" --output text');
  const [archive, secondArchive] = ['huntaze-stripe-prod', 'huntaze-stripe2-prod'] as const;
  const status = (id: string) => stripe.destinations.get(id)?.status;
  const retire = async (retired: string) => {
    settings({ stripeEventSourceName: old, secondEventSourceName: other, retiredEventSourceName: retired });
    await type(deploy);
  };
  let other = '';

  const bothSend = async (id: string) => {
    const create = 'npm run ops -- destination create --successor --env prod';
    await type(create);
    other = prod.madeSource(await type(`${create} --apply`, [0], /secondEventSourceName: aws/));
    ids.ed_NEW = idOf(other);
    settings({ stripeEventSourceName: old, secondEventSourceName: other });
    await type('npx cdk diff -c environment=prod');
    await type(deploy);
    assert.deepEqual(await names(), before);
    await planArrives(id, old, other);
  };

  await step('cut-over: both sources, and an event by both is applied once', async () => {
    await bothSend('evt_by_both');
    const examined = await type('npm run ops -- doctor --env prod --ping', [0, 1]);
    assert.equal(examined.match(/ping came out at the far end/g)?.length, 2, `one ping by each:\n${examined}`);
    await type('npm run ops -- status --env prod', [0, 1]);
    await type('npm run ops -- reconcile --env prod', [0, 1]);
  });

  await step('cut-over: back before step 5, the second source is taken out again', async () => {
    settings({ stripeEventSourceName: old });
    await type(deploy);
    await type('npm run ops -- destination delete --id ed_NEW --env prod --apply');
    assert.equal(status(ids.ed_NEW), undefined);
    await planArrives('evt_back_before', old);
    assert.deepEqual(await archives(), [archive, secondArchive], 'prod keeps what left the template');
    await type('aws events delete-archive --archive-name huntaze-stripe2-prod');
    await type('aws events delete-event-bus --name aws.partner/stripe.com/ed_NEW');
  });

  await step('cut-over: both sources again', () => bothSend('evt_by_both_again'));

  await step('cut-over: the old one is retired, and its archive is still there for a replay', async () => {
    await retire(old);
    assert.equal((await outputs()).StripeEventSourceName, other);
    await type('npm run ops -- destination disable --id ed_OLD --env prod --apply');
    assert.equal(status(ids.ed_OLD), 'disabled');
    await planArrives('evt_by_new', other);
    await type(
      'npm run ops -- replay --source ed_OLD --from <first event> --to <time> --env prod',
      [0],
      /of the archive|events/,
    );
  });

  await step('cut-over: back after step 5, the old one counts and the new one is retired', async () => {
    await type('npm run ops -- destination enable --id ed_OLD --env prod --apply');
    await retire(other);
    assert.equal((await outputs()).StripeEventSourceName, old);
    await type('npm run ops -- destination disable --id ed_NEW --env prod --apply');
    assert.deepEqual([status(ids.ed_OLD), status(ids.ed_NEW)], ['enabled', 'disabled']);
    await planArrives('evt_back_after', old);
    const broughtAfterAll = prod.planChangesUnheard();
    await type('npm run ops -- reconcile --env prod --apply', [0, 1]);
    await broughtAfterAll();
  });

  await step('cut-over: over for good, and everything that apps know is as before', async () => {
    const { code, output } = await typed(
      `npm run ops -- destination enable --id ${ids.ed_NEW} --env prod --apply`,
      prod.variables,
    );
    assert.equal(code, 0, output);
    await retire(old);
    await type('npm run ops -- destination disable --id ed_OLD --env prod --apply');
    settings({ secondEventSourceName: other });
    await type(deploy);
    const after = await outputs();
    assert.deepEqual(await names(), before);
    assert.equal(after.OtherIntake, undefined);
    await type('npm run ops -- destination delete --id ed_OLD --env prod --apply');
    assert.deepEqual(await archives(), [archive, secondArchive], 'prod keeps what left the template');
    await type('aws events delete-archive --archive-name huntaze-stripe-prod');
    await type('aws events delete-event-bus --name aws.partner/stripe.com/ed_OLD');
    assert.deepEqual(await archives(), [secondArchive]);
    assert.doesNotMatch(await buses(), new RegExp(`${old}\\b`));
    await planArrives('evt_by_new_alone', other);
    const { rows } = await owner.query(
      `select count(*)::int as n from billing.events where event_id like 'evt_by_%' or event_id like 'evt_back_%'`,
    );
    assert.equal(rows[0].n, 6, 'each event of the way is in the ledger, once');
  });

  assert.deepEqual([...left], [], `${page} has commands that were not typed`);
  return other;
}

const idOf = (source: string): string => source.split('/').at(-1)!;
