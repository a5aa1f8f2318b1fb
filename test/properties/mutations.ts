/** One way to get the order rule wrong: a text of the migrations, and what stands there instead. */
export interface Mutation {
  name: string;
  /** Exactly once in the migrations, or the mutation is out of date and says so. */
  from: string;
  to: string;
  /** Not in the SQL but in the worker: the answer is taken before the ticket. */
  answersFromBefore?: true;
  /** Why nobody can notice: another guard stands behind it. It is broken all the same, to see that this is still so. */
  spare?: string;
}

const drop = (name: string, from: string): Mutation => ({ name, from, to: '' });
const swap = (name: string, from: string, to: string): Mutation => ({ name, from, to });

/**
 * The migrations with one rule broken.
 * @throws {Error} when the mutation's text does not stand there exactly once: it is out of date.
 */
export function mutate({ name, from, to }: Mutation, sql: string): string {
  if (from === '') return sql;
  const found = sql.split(from).length - 1;
  if (found !== 1)
    throw new Error(
      `"${name}" is out of date: its text stands ${found} times in the migrations, wanted once:\n${from}`,
    );
  return sql.replace(from, () => to);
}

export const mutations: readonly Mutation[] = [
  // The order rule, events
  swap(
    '`created > as_of` becomes `>=`: the last to arrive wins its second',
    `when created > held.as_of then 'apply'`,
    `when created >= held.as_of then 'apply'`,
  ),
  swap(
    '`created < as_of` becomes `<=`: the first to arrive wins its second',
    `when created < held.as_of then 'stale'`,
    `when created <= held.as_of then 'stale'`,
  ),
  swap('older events are applied', `when created < held.as_of then 'stale'`, `when created < held.as_of then 'apply'`),
  drop(
    '`created` is treated as an update, when held',
    `    when held.source_type = 'customer.subscription.created' then 'apply'\n`,
  ),
  drop(
    '`created` is treated as an update, when it arrives',
    `    when event_type = 'customer.subscription.created' then 'stale'\n`,
  ),
  swap(
    '`created` wins its second',
    `when event_type = 'customer.subscription.created' then 'stale'`,
    `when event_type = 'customer.subscription.created' then 'apply'`,
  ),
  swap(
    'the deletion rule is removed: an event brings a subscription back',
    `held.source_type <> 'customer.subscription.deleted' then 'undecidable' else 'stale' end`,
    `held.source_type <> 'customer.subscription.deleted' then 'undecidable' else 'apply' end`,
  ),
  swap(
    'the deletion rule is removed: an end must be the later event',
    `not billing.is_terminal(held.status) then 'apply'\n    when created > held.as_of`,
    `false then 'apply'\n    when created > held.as_of`,
  ),
  {
    name: 'an end that a fetch found must fit its ticket',
    from: `not billing.is_terminal(held.status) then 'apply'\n    when answer_as_of >`,
    to: `false then 'apply'\n    when answer_as_of >`,
    spare: 'the end’s own event closes the row; the rule only closes it sooner',
  },
  swap('the fetch is skipped, the last to arrive wins', `    else 'undecidable'\n  end`, `    else 'apply'\n  end`),
  swap('the fetch is skipped, the first to arrive wins', `    else 'undecidable'\n  end`, `    else 'stale'\n  end`),
  drop('the row’s own event is not applied anew', `    when held.source_event_id = event_id then 'apply'\n`),
  drop(
    'a replay does not fetch a fetched row anew',
    `    when is_replay and held.source_type = 'fetch' then 'undecidable'\n`,
  ),
  swap(
    'a replay trusts a mistaken end',
    `case when is_replay and created >= held.as_of`,
    `case when false and created >= held.as_of`,
  ),
  // The order rule, fetches
  swap('the ticket is ignored', ` and ticket > held.ticket_applied then 'apply'`, ` then 'apply'`),
  swap('the ticket’s second is ignored', `when held.as_of is not distinct from answer_as_of and ticket`, `when ticket`),
  swap(
    'a fetch brings a subscription back',
    `and not (mends and held.source_type <> 'customer.subscription.deleted') then 'stale'`,
    `and false then 'stale'`,
  ),
  swap(
    'a lagging answer opens again what Stripe deleted',
    `and not (mends and held.source_type <> 'customer.subscription.deleted') then 'stale'`,
    `and not mends then 'stale'`,
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
  drop('an answer of a later second can lose to a newer ticket', `    when answer_as_of > held.as_of then 'apply'\n`),
  swap(
    'an event does not overtake the questions under way',
    `case when held.source_event_id = event ->> 'id' then held.ticket_applied else coalesce(held.ticket_issued, 0) end`,
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
    `(held, fact -> 'snapshot') is not distinct from held then`,
    `(held, fact -> 'snapshot') is null then`,
  ),
  // Everything else
  swap(
    'rank within a second is ignored, the first to arrive wins',
    `(excluded.as_of, excluded.progress) > (held.as_of, held.progress)`,
    `excluded.as_of > held.as_of`,
  ),
  swap(
    'rank within a second is ignored, the last to arrive wins',
    `(excluded.as_of, excluded.progress) > (held.as_of, held.progress)`,
    `excluded.as_of >= held.as_of`,
  ),
  swap(
    'money is taken in order of arrival',
    `(excluded.as_of, excluded.progress) > (held.as_of, held.progress)`,
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
  drop(
    'the customer’s metadata is no link',
    `    (select metadata_user_id from billing.customers c where c.customer_id = subscription.customer_id),\n`,
  ),
  swap(
    'the subscription’s metadata is no link',
    `    subscription.metadata_user_id,\n    (select metadata_user_id`,
    `    (select metadata_user_id`,
  ),
  swap(
    'another checkout of the customer is no link',
    `where c.customer_id = subscription.customer_id and user_id is not null`,
    `where false`,
  ),
  swap(
    'a late link completes nothing',
    `    if customer is not null then\n      told`,
    `    if customer is not null and fact ->> 'kind' = 'subscription' then\n      told`,
  ),
  swap(
    'a checkout resets the subscription it names',
    `  on conflict (subscription_id) do nothing`,
    `  on conflict (subscription_id) do update set status = excluded.status`,
  ),
  swap(
    'a checkout announces nothing',
    `if kind = 'checkout' and fact ->> 'status' = 'complete'`,
    `if false and fact ->> 'status' = 'complete'`,
  ),
  // What the apps are told
  swap(
    'the apps are told again what they know',
    `if announcement is distinct from subscription.announced then`,
    `if true then`,
  ),
  swap(
    'a payment’s trouble is told again',
    `and announced_problem is distinct from problem || '#' || attempt_count`,
    `and true`,
  ),
  swap(
    'a duplicate publishes nothing again',
    `'known_event', 'plan_events', billing.plan_events_of(event)`,
    `'known_event', 'plan_events', '[]'::jsonb`,
  ),
  swap(
    'the grace counts from the last event',
    `  select case when subscription.status = 'past_due' then\n    greatest(`,
    `  select case when subscription.status = 'past_due' then\n    greatest(subscription.as_of,`,
  ),
  swap(
    'a user has the plan of the latest subscription',
    `  entitled desc,\n  billing.tier_rank(tier) desc nulls last,`,
    `  as_of desc,`,
  ),
  // The ledger and the lock
  swap(
    'a replay is dismissed for being in the ledger',
    `if known.event_id is not null and not is_replay then`,
    `if known.event_id is not null then`,
  ),
  swap('a live duplicate is worked on again', `if known.event_id is not null and not is_replay then`, `if false then`),
  swap(
    'events of one customer do not wait for each other',
    `perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended(coalesce(customer, object_id, event ->> 'id'), 0));`,
    `perform 1;`,
  ),
];
