/** One way to get the order rule wrong: a text of the migrations, and what stands there instead. */
export interface Mutation {
  name: string;
  /** Exactly once in what the migrations end with, or the mutation is out of date and says so. */
  from: string;
  to: string;
  /** Not in the SQL but in the worker: the answer is taken before the ticket. */
  answersFromBefore?: true;
  /** Why nobody can notice: another guard stands behind it. It is broken all the same, to see that this is still so. */
  spare?: string;
}

const drop = (name: string, from: string): Mutation => ({ name, from, to: '' });
const swap = (name: string, from: string, to: string): Mutation => ({ name, from, to });

/** Where a function of the schema begins to be defined, where that ends, and where it gets another name. */
const definition =
  /^create (?:or replace )?function billing\.(?<defined>\w+)\(|^alter function billing\.(?<old>\w+)\(.*\) rename to (?<renamed>\w+);|^\$(?:make)?\$;/gm;

/**
 * The migrations with one rule broken: what stands in a function that a later migration defines anew is broken there, where it counts.
 * @throws {Error} when the text does not stand exactly once in what the migrations end with: it is out of date.
 */
export function mutate({ name, from, to }: Mutation, sql: string): string {
  if (from === '') return sql;
  const places = standing(sql)
    .map(([start, end]) => [start, sql.slice(start, end)] as const)
    .flatMap(([start, text]) =>
      text
        .split(from)
        .slice(1)
        .map((_, n) => start + text.split(from, n + 1).join(from).length),
    );
  if (places.length !== 1)
    throw new Error(
      `"${name}" is out of date: its text stands ${places.length} times in the migrations (of a function, in its last definition), wanted once:\n${from}`,
    );
  return sql.slice(0, places[0]) + to + sql.slice(places[0]! + from.length);
}

/** The parts of the migrations that no later definition of the same function replaces: where each begins and ends. */
function standing(sql: string): [number, number][] {
  const parts: { name: string | undefined; start: number; end: number }[] = [
    { name: undefined, start: 0, end: sql.length },
  ];
  for (const { index, groups } of sql.matchAll(definition)) {
    const { defined, old, renamed } = groups!;
    if (old !== undefined) for (const part of parts.filter(({ name }) => name === old)) part.name = renamed;
    parts.at(-1)!.end = index;
    parts.push({ name: defined, start: index, end: sql.length });
  }
  return parts
    .filter(({ name }, n) => name === undefined || !parts.slice(n + 1).some((later) => later.name === name))
    .map(({ start, end }) => [start, end]);
}

export const mutations: readonly Mutation[] = [
  // The order rule, events
  swap(
    '`created > as_of` becomes `>=`: the last to arrive wins its second',
    `when created > held.as_of then 'apply/later'`,
    `when created >= held.as_of then 'apply/later'`,
  ),
  swap(
    '`created < as_of` becomes `<=`: the first to arrive wins its second',
    `when created < held.as_of then 'stale/newer_event_held'`,
    `when created <= held.as_of then 'stale/newer_event_held'`,
  ),
  swap(
    'older events are applied',
    `when created < held.as_of then 'stale/newer_event_held'`,
    `when created < held.as_of then 'apply/later'`,
  ),
  drop(
    '`created` is treated as an update, when held',
    `    when held.source_type = 'customer.subscription.created' then 'apply/after_created'\n`,
  ),
  drop(
    '`created` is treated as an update, when it arrives',
    `    when event_type = 'customer.subscription.created' then 'stale/created_in_same_second'\n`,
  ),
  swap(
    '`created` wins its second',
    `when event_type = 'customer.subscription.created' then 'stale/created_in_same_second'`,
    `when event_type = 'customer.subscription.created' then 'apply/later'`,
  ),
  swap(
    'the deletion rule is removed: an event brings a subscription back',
    `then 'undecidable/mistaken_end' else 'stale/ended' end`,
    `then 'undecidable/mistaken_end' else 'apply/later' end`,
  ),
  swap(
    'the deletion rule is removed: an end must be the later event',
    `not billing.is_terminal(held.status) then 'apply/ends'\n    when created > held.as_of`,
    `false then 'apply/ends'\n    when created > held.as_of`,
  ),
  {
    name: 'an end that a fetch found must fit its ticket',
    from: `not billing.is_terminal(held.status) then 'apply/ends'\n    when held.as_of is null and`,
    to: `false then 'apply/ends'\n    when held.as_of is null and`,
    spare: 'the end’s own event closes the row; the rule only closes it sooner',
  },
  swap(
    'the fetch is skipped, the last to arrive wins',
    `    else 'undecidable/same_second'\n`,
    `    else 'apply/later'\n`,
  ),
  swap(
    'the fetch is skipped, the first to arrive wins',
    `    else 'undecidable/same_second'\n`,
    `    else 'stale/newer_event_held'\n`,
  ),
  drop('the row’s own event is not applied anew', `    when held.source_event_id = event_id then 'apply/own_event'\n`),
  drop(
    'a replay does not fetch a fetched row anew',
    `    when is_replay and held.source_type = 'fetch' then 'undecidable/fetched_row'\n`,
  ),
  swap(
    'a replay trusts a mistaken end',
    `case when is_replay and created >= held.as_of`,
    `case when false and created >= held.as_of`,
  ),
  // The order rule, fetches
  swap(
    'the ticket is ignored',
    ` and ticket > held.ticket_applied then 'apply/same_second'`,
    ` then 'apply/same_second'`,
  ),
  swap('the ticket’s second is ignored', `when held.as_of is not distinct from answer_as_of and ticket`, `when ticket`),
  swap(
    'a fetch brings a subscription back',
    `and not (repairs and held.source_type <> 'customer.subscription.deleted') then 'stale/ended'`,
    `and false then 'stale/ended'`,
  ),
  swap(
    'a lagging answer opens again what Stripe deleted',
    `and not (repairs and held.source_type <> 'customer.subscription.deleted') then 'stale/ended'`,
    `and not repairs then 'stale/ended'`,
  ),
  swap(
    'an answer is stored as of now',
    `next.as_of := coalesce(answer_as_of, next.started_at, held.as_of);`,
    `next.as_of := clock_timestamp();`,
  ),
  swap(
    'an answer counts for the second of the row, not of the event that asked',
    `else greatest((fetched ->> 'as_of')::timestamptz, created) end;`,
    `else (fetched ->> 'as_of')::timestamptz end;`,
  ),
  drop(
    'an answer of a later second can lose to a newer ticket',
    `    when answer_as_of > held.as_of then 'apply/later'\n`,
  ),
  swap(
    'an event does not overtake the questions under way',
    `case when held.source_event_id = event_id then held.ticket_applied else coalesce(held.ticket_issued, 0) end`,
    `coalesce(held.ticket_applied, 0)`,
  ),
  { name: 'the fetch begins before the ticket is handed out', from: '', to: '', answersFromBefore: true },
  swap(
    'an event that shows the same ends the question, though an answer is under way',
    ` and held.ticket_issued = held.ticket_applied\n`,
    `\n`,
  ),
  swap(
    'Stripe is asked though both events show the same',
    `(held, fact -> 'snapshot'), customer) is not distinct from held then`,
    `(held, fact -> 'snapshot'), customer) is null then`,
  ),
  // Everything else
  swap(
    'rank within a second is ignored, the first to arrive wins',
    `(incoming.as_of, incoming.progress) > (kept.as_of, kept.progress)`,
    `incoming.as_of > kept.as_of`,
  ),
  swap(
    'rank within a second is ignored, the last to arrive wins',
    `(incoming.as_of, incoming.progress) > (kept.as_of, kept.progress)`,
    `incoming.as_of >= kept.as_of`,
  ),
  swap(
    'money is taken in order of arrival',
    `(incoming.as_of, incoming.progress) > (kept.as_of, kept.progress)`,
    `true`,
  ),
  swap(
    'an open invoice outranks a paid one',
    `when 'draft' then 0 when 'open' then 1`,
    `when 'draft' then 0 when 'open' then 5`,
  ),
  swap(
    'a failed payment outranks a succeeded one',
    `when 'succeeded' then 3 when 'canceled'`,
    `when 'succeeded' then 0 when 'canceled'`,
  ),
  swap(
    'a succeeded refund outranks a failed one',
    `when 'requires_action' then 1 when 'succeeded' then 2 else 3`,
    `when 'requires_action' then 1 when 'succeeded' then 3 else 2`,
  ),
  swap(
    'an open dispute outranks a closed one',
    `when 'charge.dispute.created' then 0 when 'charge.dispute.updated' then 1 else 2`,
    `when 'charge.dispute.created' then 2 when 'charge.dispute.updated' then 1 else 0`,
  ),
  drop(
    'a customer’s update that names the user has no rank',
    `,\n      -- Of two updates in one second, the one that says whose customer it is.\n      (fact ->> 'metadata_user_id' is not null)::integer`,
  ),
  // Whose it is
  swap(
    'the customer’s metadata is no link',
    `  if customer.metadata_user_id is not null then\n    return`,
    `  if false then\n    return`,
  ),
  swap(
    'the subscription’s metadata is no link',
    `  if subscription.metadata_user_id is not null then\n    return`,
    `  if false then\n    return`,
  ),
  swap(
    'the session that made it is no link',
    `  return coalesce(buyer, customer.session_user_id);`,
    `  return customer.session_user_id;`,
  ),
  swap(
    'another checkout of the customer is no link',
    `  return coalesce(buyer, customer.session_user_id);`,
    `  return buyer;`,
  ),
  swap(
    'the latest session of a customer wins, not the earliest',
    `and session.status = 'complete' and session.user_id is not null\n    order by session.as_of,`,
    `and session.status = 'complete' and session.user_id is not null\n    order by session.as_of desc,`,
  ),
  swap(
    'an abandoned session links as a completed one does',
    `and session.status = 'complete' and session.user_id is not null`,
    `and session.user_id is not null`,
  ),
  swap(
    'a late link completes nothing',
    `    answer.notified := billing.relink(event, customer);\n  end if;\n  return answer;`,
    `    null;\n  end if;\n  return answer;`,
  ),
  swap(
    'a checkout resets the subscription it names',
    `    on conflict (subscription_id) do nothing;`,
    `    on conflict (subscription_id) do update set status = excluded.status;`,
  ),
  swap(
    'a checkout announces nothing',
    `if incoming ->> 'status' = 'complete' and incoming ->> 'subscription_id' is not null`,
    `if false and incoming ->> 'subscription_id' is not null`,
  ),
  // Which plan
  swap('an unknown price takes the plan away', `  if subscription.plan_unknown then\n`, `  if false then\n`),
  swap(
    'the plan that an unknown price keeps depends on arrival',
    `    order by told.as_of desc, told.tier_rank desc, told.plan_id desc limit 1;`,
    `    order by told.ctid desc limit 1;`,
  ),
  drop(
    'a late snapshot stays out of the history',
    `    perform billing.remember_snapshot(event_id, event_type, next);\n`,
  ),
  swap(
    'only what was not late stays in the history',
    `    perform billing.remember_snapshot(event_id, event_type, next);\n`,
    `    if held.as_of is null or created >= held.as_of then perform billing.remember_snapshot(event_id, event_type, next); end if;\n`,
  ),
  swap(
    'of the snapshots of one second, the history keeps the last to arrive',
    `  insert into billing.subscription_history as kept (`,
    `  delete from billing.subscription_history as other where other.subscription_id = told.subscription_id and other.as_of = told.as_of;
  insert into billing.subscription_history as kept (`,
  ),
  swap(
    'the grace counts from the last event',
    `  return least(oldest_unpaid, greatest(subscription.current_period_start, latest_invoice))`,
    `  return greatest(subscription.as_of, subscription.current_period_start, latest_invoice)`,
  ),
  swap(
    'the grace begins anew with each renewal',
    `  return least(oldest_unpaid, greatest(`,
    `  return least(null::timestamptz, greatest(`,
  ),
  swap(
    'a user has the plan of the latest subscription',
    `coalesce(subscription.tier_rank, 0)::bigint << 8`,
    `extract(epoch from subscription.as_of)::bigint << 8`,
  ),
  // What is to come
  drop(
    'what is scheduled is shown though the subscription is so already',
    `\n    or ((change ->> 'price_id', (change ->> 'quantity')::integer) is not distinct from (subscription.price_id, subscription.quantity))`,
  ),
  swap(
    'what is scheduled is shown beyond its day',
    `  if (change ->> 'at')::timestamptz <= subscription.as_of\n`,
    `  if false\n`,
  ),
  swap(
    'what is scheduled outlives the subscription',
    `  if change is null or subscription.as_of is null or billing.is_terminal(subscription.status) then`,
    `  if change is null then`,
  ),
  swap(
    'a schedule that comes after its subscription changes nothing',
    `    answer.notified := answer.notified + billing.rederive(event, subscription, customer);\n  end loop;`,
    `    null;\n  end loop;`,
  ),
  swap(
    'a schedule that comes before its subscription is forgotten',
    `  subscription.scheduled_change := billing.scheduled_change_of(subscription);`,
    `  subscription.scheduled_change := case when exists (select from billing.subscriptions as row where row.subscription_id = subscription.subscription_id) then billing.scheduled_change_of(subscription) end;`,
  ),
  swap(
    'a schedule as it was made outranks what comes next',
    `      (event_type <> 'subscription_schedule.created')::integer,`,
    `      (event_type = 'subscription_schedule.created')::integer,`,
  ),
  swap(
    'a running schedule outranks one that is over',
    `case fact ->> 'status' when 'not_started' then 0 when 'active' then 1 else 2 end,`,
    `case fact ->> 'status' when 'not_started' then 0 when 'active' then 3 else 2 end,`,
  ),
  // What was paid once
  swap(
    'a purchase gives its plan before it is paid',
    `    when bill.status is distinct from 'paid' then null\n`,
    `    when false then null\n`,
  ),
  swap(
    'what was paid once stays though the money went back',
    `    when billing.is_paid_back(purchase) then '-infinity'\n`,
    `    when false then '-infinity'\n`,
  ),
  swap(
    'a part of the money that went back ends a purchase',
    `select sum(amount_minor) >= purchase.amount_minor from billing.refunds`,
    `select sum(amount_minor) > 0 from billing.refunds`,
  ),
  swap(
    'an open dispute ends a purchase',
    `  if exists (select from billing.disputes where status = 'lost' and (`,
    `  if exists (select from billing.disputes where (`,
  ),
  swap(
    'a refund before its payment is known ends nothing',
    `    when 'invoice', 'invoice_payment', 'checkout' then\n`,
    `    when 'invoice', 'checkout' then\n`,
  ),
  swap(
    'a refund ends nothing until the invoice is told again',
    `    when 'refund', 'dispute' then\n      return array(`,
    `    when 'refunds' then\n      return array(`,
  ),
  swap(
    'a Checkout session is no link to a purchase',
    `    where session.invoice_id = bill.invoice_id and session.user_id is not null\n`,
    `    where false\n`,
  ),
  swap(
    'what lasts some days lasts for life',
    `coalesce(bill.paid_at + make_interval(hours => 24 * purchase.lasts_days), 'infinity')`,
    `'infinity'`,
  ),
  swap(
    'a purchase stands before a subscription of the same tier',
    `then (1::bigint << 60) + (held.tier_rank::bigint << 8)\n`,
    `then (1::bigint << 60) + (held.tier_rank::bigint << 8) + 200\n`,
  ),
  swap(
    'money that went back waits for no invoice',
    `    if of_purchase and not billing.is_of_subscription(fact) then\n`,
    `    if of_purchase and kind not in ('refund', 'dispute') then\n`,
  ),
  {
    name: 'facts of purchases do not pass one after another',
    from: `      lock table billing.catalogue in share update exclusive mode;\n`,
    to: `      null;\n`,
  },
  // What the apps hear
  swap(
    'the apps are notified again of what they know',
    // Both questions: that of the first about the state alone is asked again.
    `  if (now_is.state, now_is.changes_at) is not distinct from (held.state, held.changes_at) then
    return 0;
  end if;
  update billing.user_plans set state = now_is.state, changes_at = now_is.changes_at where user_id = of_user;
  if now_is.state is not distinct from held.state\n    or`,
    `  update billing.user_plans set state = now_is.state, changes_at = now_is.changes_at where user_id = of_user;
  if false\n    or`,
  ),
  swap(
    'the version of a plan stands still',
    `  return greatest(held + 1, (extract(epoch from clock_timestamp()) * 1000000)::bigint);`,
    `  return greatest(held, 1);`,
  ),
  swap(
    'the version goes back',
    `  return greatest(held + 1, (extract(epoch from clock_timestamp()) * 1000000)::bigint);`,
    `  return 9000000000000000 - greatest(held + 1, (extract(epoch from clock_timestamp()) * 1000000)::bigint);`,
  ),
  swap(
    'whoever loses a subscription hears nothing',
    `    when before.user_id is null or before.user_id = after.user_id then array[after.user_id]\n`,
    `    when true then array[after.user_id]\n`,
  ),
  swap(
    'a message carries the plan of before',
    `  update billing.user_plans set state = now_is.state, changes_at = now_is.changes_at where user_id = of_user;\n`,
    `  update billing.user_plans set state = coalesce(held.state, now_is.state), changes_at = now_is.changes_at where user_id = of_user;\n`,
  ),
  drop(
    'what was over when it was first seen is news',
    `\n    or (held.version = 0 and billing.is_over(now_is.state) and (held.state is null or billing.is_over(held.state)))`,
  ),
  swap(
    'a payment’s problem is notified again',
    `notice is null or notice is not distinct from invoice.notified_problem or`,
    `notice is null or`,
  ),
  swap(
    'a trial’s end is notified again',
    ` and after.trial_ending_notified is distinct from after.trial_end then`,
    ` then`,
  ),
  swap(
    'a duplicate publishes nothing again',
    `      'plan_events', billing.plan_events_of(event));\n  end if;`,
    `      'plan_events', '[]'::jsonb);\n  end if;`,
  ),
  swap(
    'what a customer bought once is given to a new user only after their subscriptions',
    `  purchases := billing.write_purchases(array(select invoice_id from billing.purchases where customer_id = of_customer.customer_id order by invoice_id));`,
    `  purchases := billing.write_purchases('{}');`,
  ),
  // The ledger and the lock
  swap(
    'a replay is dismissed for being in the ledger',
    `known_outcome <> 'parked' and not is_replay then`,
    `known_outcome <> 'parked' then`,
  ),
  swap('a live duplicate is worked on again', `if known_outcome <> 'parked' and not is_replay then`, `if false then`),
  swap(
    'the second of two racing deliveries without a customer counts as the first',
    `if not found and known_outcome is null then`,
    `if false then`,
  ),
  swap(
    'events of one customer do not wait for each other',
    `  perform billing.lock_customers(array(`,
    `  perform cardinality(array(`,
  ),
  swap(
    'the answers of a batch come back in another order',
    `    answers[item.place] := billing.apply_event(item.event, item.fact, item.fetched);`,
    `    answers[jsonb_array_length(batch) + 1 - item.place] := billing.apply_event(item.event, item.fact, item.fetched);`,
  ),
];
