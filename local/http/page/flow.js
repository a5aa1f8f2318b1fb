import { $, el, plural, shortName } from './dom.js';

const still = matchMedia('(prefers-reduced-motion: reduce)');

/** Nodes by name; lanes are built from the first state, so that the page knows no function by heart. */
const nodes = new Map();
export let lanes = [];

function addNode(name, title, note, className = '') {
  const strong = el('strong', { textContent: title });
  const small = el('small', { textContent: note });
  const box = el('div', { className: `node ${className}` }, strong, small);
  nodes.set(name, { box, strong, small });
  return box;
}

export function buildFlow(state) {
  lanes = Object.entries(state.functions).map(([name, fn]) => ({ name, ...fn }));
  const place = (box, column, row, span = 1) => {
    box.style.gridColumn = column;
    box.style.gridRow = span > 1 ? `${row} / span ${span}` : row;
    $('lanes').append(box);
  };
  place(addNode('stripe', 'Stripe', '', 'stripe'), 1, 1, lanes.length);
  place(addNode('bus', 'Partner bus', '', 'tall'), 2, 1, lanes.length);
  lanes.forEach((lane, index) => {
    const queue = addNode(`queue ${lane.name}`, `queue ${shortName(lane.queue)}`, '');
    const bar = el('div', { className: 'bar' }, el('i', { className: 'visible' }), el('i', { className: 'flight' }));
    const deadLetters = el('span', { className: 'dead-letters', hidden: true });
    queue.append(bar, deadLetters);
    Object.assign(nodes.get(`queue ${lane.name}`), { bar, deadLetters });
    place(queue, 3, index + 1);
    place(addNode(lane.name, `${shortName(lane.name)} function`, ''), 4, index + 1);
  });
  const workers = lanes.filter(({ kind }) => kind === 'worker').length;
  place(addNode('postgres', 'Postgres', 'ledger, plan state', 'tall'), 5, 1, workers);
  place(addNode('bucket', 'S3', 'audit trail'), 5, workers + 1);
  place(addNode('apps', 'App bus', ''), 6, 1, workers);
  new ResizeObserver(drawWires).observe($('flow'));
}

function wires() {
  return [
    ['stripe', 'bus'],
    ...lanes.flatMap((lane) => [
      ['bus', `queue ${lane.name}`],
      [`queue ${lane.name}`, lane.name],
      [lane.name, lane.kind === 'audit' ? 'bucket' : 'postgres'],
    ]),
    ['postgres', 'apps'],
  ];
}

/** From the right edge of one box to the left edge of the other, level with whichever of the two is smaller. */
function ends(from, to) {
  const origin = $('flow').getBoundingClientRect();
  const one = nodes.get(from).box.getBoundingClientRect();
  const other = nodes.get(to).box.getBoundingClientRect();
  const level = (box) => box.top + box.height / 2 - origin.top;
  const y1 = one.height > other.height ? level(other) : level(one);
  const y2 = other.height > one.height ? level(one) : level(other);
  return { x1: one.right - origin.left, y1, x2: other.left - origin.left, y2 };
}

function drawWires() {
  $('wires').replaceChildren(
    ...wires().map(([from, to]) => {
      const { x1, y1, x2, y2 } = ends(from, to);
      const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
      const middle = (x1 + x2) / 2;
      path.setAttribute('d', `M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`);
      path.dataset.wire = `${from}>${to}`;
      return path;
    }),
  );
}

let flying = 0;
/** A dot over one wire after the other. In a rush only some of the events fly; the numbers tell all. */
async function fly(way, colour, delay) {
  if (still.matches || document.hidden || flying > 60) return;
  flying += 1;
  const dot = el('i', { className: 'dot' });
  dot.style.background = `var(--${colour})`;
  dot.style.opacity = 0;
  $('flow').append(dot);
  for (const [index, [from, to]] of way.entries()) {
    const { x1, y1, x2, y2 } = ends(from, to);
    await dot.animate(
      [
        { transform: `translate(${x1}px, ${y1}px)`, opacity: 1 },
        { transform: `translate(${x2}px, ${y2}px)`, opacity: 1 },
      ],
      { duration: 420, delay: index === 0 ? delay : 60, easing: 'ease-in-out' },
    ).finished;
  }
  dot.remove();
  flying -= 1;
}

export function animate(happenings) {
  happenings.forEach((happening, index) => {
    const delay = (index * 330) / happenings.length;
    if (happening.kind === 'posted') {
      fly([['stripe', 'bus']], 'stripe', delay);
      for (const lane of happening.to ?? []) fly([['bus', `queue ${lane}`]], 'stripe', delay + 480);
    } else if (happening.kind === 'settled') {
      fly(
        [
          [`queue ${happening.by}`, happening.by],
          [happening.by, 'postgres'],
        ],
        happening.outcome,
        delay,
      );
    } else if (happening.kind === 'deferred') {
      fly([[happening.by, `queue ${happening.by}`]], 'stale', delay);
    } else if (happening.kind === 'audited') {
      fly(
        [
          [`queue ${happening.by}`, happening.by],
          [happening.by, 'bucket'],
        ],
        'audited',
        delay,
      );
    } else if (happening.kind === 'published') {
      fly([['postgres', 'apps']], 'published', delay);
    }
  });
}

export function showFlow(state) {
  const note = (name, text) => {
    nodes.get(name).small.textContent = text;
  };
  note('stripe', `${state.posted} posted`);
  note('bus', `archive: ${state.archive.events} kept`);
  note('apps', plural(state.published_plan_events, 'plan event'));
  note('bucket', `${state.audited} audited`);
  for (const { name, queue: queueName, dead_letter_queues: deadLetterQueues } of lanes) {
    const { visible, in_flight: flight } = state.queues[queueName];
    const queue = nodes.get(`queue ${name}`);
    queue.small.textContent = visible + flight === 0 ? 'empty' : `${visible} waiting, ${flight} in flight`;
    // Logarithmic: one message shows, ten thousand fit.
    const width = (count) => (count === 0 ? 0 : 12 * Math.log2(count + 1));
    const all = Math.max(100, width(visible) + width(flight));
    queue.bar.children[0].style.width = `${(width(visible) / all) * 100}%`;
    queue.bar.children[1].style.width = `${(width(flight) / all) * 100}%`;
    const dead = deadLetterQueues.reduce(
      (sum, one) => sum + state.queues[one].visible + state.queues[one].in_flight,
      0,
    );
    queue.deadLetters.hidden = dead === 0;
    queue.deadLetters.textContent = plural(dead, 'dead letter');
    const { enabled, processes } = state.functions[name];
    nodes.get(name).box.classList.toggle('paused', !enabled);
    note(name, enabled ? `${processes.length} process${processes.length === 1 ? '' : 'es'}` : 'paused');
  }
  nodes.get('postgres').box.classList.toggle('down', !state.database.running);
  note('postgres', state.database.running ? 'ledger, plan state' : 'killed');
}
