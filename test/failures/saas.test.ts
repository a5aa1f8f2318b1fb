import { Saas } from '../support/saas/account.ts';
import { addPhantoms, damage, phantoms } from '../support/saas/damage.ts';
import { judgePlanEvents, judgeRows } from '../support/saas/judge.ts';
import { day, now, StripeAndUs } from '../support/stripe-and-us.ts';

/** What `npm run bench:reconcile` does at size, small: a SaaS with a past moves in, loses ten days, is damaged in every column, and is healed. */

it('moves in, loses ten days and every column of some rows, and ends as the model says', async () => {
  const saas = new Saas(60, now - 10 * day - 3600);
  const pair = await StripeAndUs.start(saas.account);
  try {
    const known = Object.values(phantoms);
    pair.stripesNow = now - 10 * day;
    await pair.deliver(saas.change(1, now - 10 * day - 60));
    await pair.backfill({}, { now: now - 10 * day });
    expect((await judgeRows(pair.db.admin, saas, now)).wrong).toEqual([]);
    expect(await pair.scheduled({ now: now - 10 * day })).toMatchObject({ missed_events: 0, drifted_rows: 0 });

    const lost = saas.tenDays(now - 10 * day);
    saas.changeSilently(now - 8 * day);
    pair.stripesNow = now;
    const { users } = await damage(pair.db.admin);
    await addPhantoms(pair.db.admin);
    const report = await pair.scheduled();
    expect(report.missed_events).toBeGreaterThan(lost.length / 3);
    await pair.work();
    pair.stripesNow = now + day;
    const second = await pair.scheduled({ now: now + day });
    expect(second.missed_events).toBe(0);
    await pair.work();
    pair.stripesNow = now + 2 * day;
    const last = await pair.scheduled({ now: now + 2 * day });
    expect(last.unknown_to_stripe.map(({ id }) => id).sort()).toEqual([...known].sort());
    expect(last).toMatchObject({ missed_events: 0, drifted: [], unreadable: [], finished: true });

    expect((await judgeRows(pair.db.admin, saas, now + 2 * day, known)).wrong).toEqual([]);
    const published = (await pair.rows('select id from billing.plan_events')).map(({ id }) => id);
    expect(await judgePlanEvents(pair.db.admin, published, new Set(users))).toEqual([]);
  } finally {
    await pair.stop();
  }
}, 120_000);
