import { $, clock, el, plural } from './dom.js';

// --- how events ended ------------------------------------------------------------------------------------------------

/** What each outcome means, for those who read it here first. */
const meanings = {
  applied: 'something we hold changed',
  duplicate: 'known already; nothing changed',
  stale: 'we hold something later; nothing changed',
  refetched: 'the events of one second could not decide, so Stripe was asked',
  ignored: 'not ours: a connected account, or the wrong mode',
  parked: 'can never be applied as it is; waits in the failed queue with its reason',
};

export function buildOutcomes() {
  $('outcomes').append(
    ...Object.entries(meanings).flatMap(([name, meaning]) => {
      const fill = el('i');
      fill.style.background = `var(--${name})`;
      const title = el('dt', { textContent: name, title: meaning });
      title.style.color = `var(--${name})`;
      return [
        title,
        el('div', { className: 'bar', id: `bar-${name}`, title: meaning }, fill),
        el('dd', { id: `count-${name}` }),
        el('dd', { className: 'replayed', id: `replayed-${name}`, title: 'in replays, counted apart' }),
      ];
    }),
  );
}

export function showOutcomes({ outcomes, replays, repairs }) {
  const { unrouted, ...ended } = outcomes;
  const most = Math.max(1, ...Object.values(ended));
  for (const [name, count] of Object.entries(ended)) {
    $(`bar-${name}`).firstChild.style.width = `${(count / most) * 100}%`;
    $(`count-${name}`).textContent = count;
    const replayed = replays.reduce((sum, replay) => sum + replay.outcomes[name], 0);
    $(`replayed-${name}`).textContent = replays.length === 0 ? '' : `↻ ${replayed}`;
  }
  const repaired = Object.values(repairs).reduce((sum, count) => sum + count, 0);
  // Nothing is wrong with these: they need no line of their own among the outcomes.
  $('aside').textContent = [
    unrouted > 0 ? `${unrouted} more of types that only the audit trail takes` : '',
    repaired > 0 ? `${plural(repaired, 'message')} queued by functions themselves` : '',
  ]
    .filter(Boolean)
    .join(' · ');
}

// --- plan states -----------------------------------------------------------------------------------------------------

const rows = new Map();

export function showPlans(plans, count) {
  $('no-plans').hidden = count > 0;
  $('plans-title').textContent =
    count > plans.length ? `Plan states, ${plans.length} of ${count}` : `Plan states, ${count}`;
  const present = new Set();
  for (const plan of plans) {
    const key = `${plan.user_id} ${plan.customer_id} ${plan.subscription_id}`;
    present.add(key);
    const text = JSON.stringify(plan);
    const old = rows.get(key);
    if (old?.text === text) continue;
    const row = el('tr', { className: rows.size > 0 ? 'fresh' : '' }, ...planCells(plan));
    if (old) old.row.replaceWith(row);
    else $('plans').append(row);
    rows.set(key, { row, text });
  }
  for (const [key, { row }] of rows) {
    if (present.has(key)) continue;
    row.remove();
    rows.delete(key);
  }
}

const planCells = (plan) => [
  el('td', { textContent: plan.user_id ?? `${plan.customer_id}, user unknown` }),
  el('td', {}, el('span', { className: `tier ${plan.tier}`, textContent: plan.tier ?? 'unknown price' })),
  el('td', {}, el('span', { className: `status ${plan.status}`, textContent: plan.status.replace('_', ' ') })),
  el('td', { textContent: plan.plan_id ?? '?' }),
  el('td', { textContent: plan.current_period_end?.slice(0, 10) ?? '' }),
  el('td', { textContent: plan.as_of?.slice(0, 19).replace('T', ' ') ?? '' }),
  el('td', { textContent: plan.subscription_id }),
];

// --- plan events -----------------------------------------------------------------------------------------------------

const planEvents = new Map();

/** Newest first, each with the whole message to open and, when forwarded, how its delivery goes. */
export function showPlanEvents(events, count, forward) {
  $('plan-events-title').textContent =
    count > events.length ? `Plan events, the last ${events.length} of ${count}` : `Plan events, ${count}`;
  $('no-plan-events').hidden = count > 0;
  $('forward').textContent = forward === null ? 'on the app bus' : `posted to ${forward}`;
  const present = new Set(events.map(({ id }) => id));
  for (const [id, { item }] of planEvents) {
    if (present.has(id)) continue;
    item.remove();
    planEvents.delete(id);
  }
  for (const event of events.toReversed()) {
    const known = planEvents.get(event.id);
    if (known) {
      showDelivery(known.delivery, event.delivery, forward);
      continue;
    }
    const delivery = el('b');
    const item = el('li', {}, planEventOf(event, delivery));
    showDelivery(delivery, event.delivery, forward);
    $('plan-events').prepend(item);
    planEvents.set(event.id, { item, delivery });
  }
}

const planEventOf = ({ at, type, detail }, delivery) =>
  el(
    'details',
    {},
    el(
      'summary',
      {},
      el('time', { textContent: clock(at) }),
      el('span', {}, el('b', { textContent: type }), ` ${summaryOf(detail)}`),
      delivery,
    ),
    el('pre', { textContent: JSON.stringify(detail, null, 2) }),
  );

/** Whom it is about, the words of their plan, and which of their versions it is. */
function summaryOf({ user_id: user, plan, version }) {
  return [user, plan?.tier, plan?.status, version === undefined ? undefined : `version ${version}`]
    .filter((word) => typeof word === 'string')
    .join(' · ');
}

function showDelivery(node, delivery, forward) {
  const states = {
    delivered: ['delivered', 'applied'],
    delivering: [`attempt ${delivery?.attempts}: ${delivery?.answer}`, 'stale'],
    undelivered: [`undelivered: ${delivery?.answer}`, 'parked'],
  };
  const [text, colour] = delivery ? states[delivery.state] : [forward === null ? '' : 'under way', 'soft'];
  node.textContent = text;
  node.style.color = `var(--${colour})`;
}

// --- alarms ----------------------------------------------------------------------------------------------------------

let shownAlarms = '';

/** What would ring in AWS: in a sentence what happened, and to open what to do, both in the alarm's own words. */
export function showAlarms(alarms) {
  const text = JSON.stringify(alarms);
  // Drawn anew only when it changes: what somebody opened stays open.
  if (text === shownAlarms) return;
  shownAlarms = text;
  $('alarms-panel').hidden = alarms.length === 0;
  $('alarms').replaceChildren(...alarms.map(alarmItem));
}

function alarmItem({ name, says }) {
  const [happened, ...rest] = says.split(/ (?=What to do)/);
  const summary = el('summary', {}, el('b', { textContent: name }), ` ${happened}`);
  return el('li', {}, el('details', {}, summary, el('p', {}, ...linked(rest.join(' ')))));
}

/** Addresses in a text as links; everything else stays text. */
function linked(text) {
  return text
    .split(/(https?:\/\/[^\s)]+)/)
    .map((part, index) =>
      index % 2 === 0 ? part : el('a', { href: part, textContent: part, target: '_blank', rel: 'noreferrer' }),
    );
}

// --- what just happened ----------------------------------------------------------------------------------------------

function sentence({ kind, type, outcome, reason, detail, event_id: id, replay_name: replay, text, by }) {
  const why = [reason, detail].filter(Boolean).join(': ');
  const event = `${type ?? ''} ${id ?? ''}${why ? ` (${why})` : ''}${replay ? ' ↻' : ''}`;
  switch (kind) {
    case 'settled':
      return [event, outcome, outcome];
    case 'deferred':
      return [event, 'goes back', 'stale'];
    case 'published':
      return [type, 'to the apps', 'published'];
    case 'undelivered':
      return [`${by}: ${event}`, 'undelivered', 'parked'];
    default:
      return text ? [text, undefined, kind === 'complaint' ? 'parked' : undefined] : undefined;
  }
}

const LOGGED = 60;

export function log(happenings) {
  const items = happenings.slice(-LOGGED).flatMap((happening) => {
    const line = sentence(happening);
    if (!line) return [];
    const [what, word, colour] = line;
    const time = el('time', { textContent: clock(happening.at) });
    const end = el('b', { textContent: word ?? '' });
    const text = el('span', {}, word ? what : el('b', { textContent: what }));
    if (colour) (word ? end : text).style.color = `var(--${colour})`;
    return [el('li', {}, time, text, end)];
  });
  $('log').prepend(...items.reverse());
  while ($('log').children.length > LOGGED) $('log').lastChild.remove();
}
