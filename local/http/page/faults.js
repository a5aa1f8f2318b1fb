import { $, el, shortName } from './dom.js';
import { lanes } from './flow.js';

let latest;
const billing = () => lanes.find(({ name }) => name.includes('billing')) ?? lanes[0];

const buttons = [
  { key: 'c', text: () => 'One more customer', request: () => ({ what: 'customer' }) },
  { key: 's', text: () => 'One more, shuffled', request: () => ({ what: 'shuffle' }) },
  { key: 'd', text: () => 'Deliver the last 50 again', request: () => ({ what: 'duplicate' }) },
  { key: 'x', text: () => 'Poison', request: () => ({ what: 'poison' }) },
  {
    key: 'o',
    danger: true,
    text: () => (latest?.database.running === false ? 'Start Postgres' : 'Kill Postgres'),
    request: () => ({ what: latest.database.running ? 'stop-database' : 'start-database' }),
    possible: () => latest?.database.ours,
  },
  {
    key: 'p',
    text: () => (latest && !latest.functions[billing().name].enabled ? 'Resume billing' : 'Pause billing'),
    request: () => ({ what: latest.functions[billing().name].enabled ? 'pause' : 'resume', function: billing().name }),
  },
  { key: 'r', text: () => 'Replay everything', request: () => ({ what: 'replay' }) },
];

/** Waits for the first state: what the template's schedules are called stands in it. */
export function buildFaults(state) {
  const schedules = state.schedules.map(({ name }) => ({
    text: () => `Run ${shortName(name)} now`,
    request: () => ({ what: 'schedule', schedule: name }),
  }));
  buttons.push(...schedules);
  for (const button of buttons) {
    button.label = el('span', { textContent: button.text() });
    button.node = el(
      'button',
      { type: 'button', className: button.danger ? 'danger' : '', onclick: () => press(button) },
      button.label,
    );
    if (button.key) {
      button.node.append(el('kbd', { textContent: button.key.toUpperCase(), ariaHidden: 'true' }));
      button.node.setAttribute('aria-keyshortcuts', button.key);
    }
    $('faults').append(button.node);
  }
  $('faults').append(el('p', { id: 'done', role: 'status' }));
  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const button = buttons.find(({ key }) => key === event.key.toLowerCase());
    if (button && !button.node.disabled) press(button);
  });
}

async function press(button) {
  if (!latest) return;
  const answer = await fetch('/fault', { method: 'POST', body: JSON.stringify(button.request()) });
  const { done, error } = await answer.json();
  $('done').textContent = done ?? error;
  $('done').classList.toggle('refused', !answer.ok);
}

export function showFaults(state) {
  latest = state;
  for (const button of buttons) {
    const text = button.text();
    if (button.label.textContent !== text) button.label.textContent = text;
    button.node.disabled = button.possible ? !button.possible() : false;
  }
}
