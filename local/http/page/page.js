import { $, el, plural, shortName } from './dom.js';
import { buildFaults, showFaults } from './faults.js';
import { animate, buildFlow, lanes, showFlow } from './flow.js';
import { buildOutcomes, log, showAlarms, showOutcomes, showPlanEvents, showPlans } from './panels.js';

for (const span of document.querySelectorAll('.origin')) span.textContent = location.origin;

function healthOf(state) {
  const paused = lanes.filter(({ name }) => !state.functions[name].enabled);
  const waiting = state.deferred.length;
  if (!state.database.running)
    return [`Postgres is down, ${plural(waiting, 'event')} wait and heal by themselves`, 'bad'];
  if (paused.length > 0) return [`${paused.map(({ name }) => shortName(name)).join(', ')} paused`, 'bad'];
  if (state.idle) return ['all settled', 'good'];
  return [waiting > 0 ? `working, ${waiting} wait for their next attempt` : 'working', 'busy'];
}

function showHealth(state) {
  const [word, tone] = healthOf(state);
  const health = $('health');
  if (health.textContent !== word) health.textContent = word;
  health.className = `health ${tone}`;
  const settled = Object.values(state.outcomes).reduce((sum, count) => sum + count, 0);
  const under = state.posted - settled - state.unexplained;
  const number = (count, text) => [el('b', { textContent: count }), ` ${text}`];
  $('sums').replaceChildren(
    ...number(state.posted, 'posted · '),
    ...number(settled, under > 0 ? `settled, ${under} under way · ` : 'settled · '),
    ...number(state.audited, 'audited'),
    ...(state.undelivered > 0 ? number(state.undelivered, 'undelivered').toSpliced(0, 0, ' · ') : []),
    ...(state.unexplained > 0
      ? number(state.unexplained, 'without a word on how they ended').toSpliced(0, 0, ' · ')
      : []),
  );
}

function showState(state) {
  if (lanes.length === 0) {
    buildFlow(state);
    buildFaults(state);
  }
  showHealth(state);
  showFlow(state);
  showOutcomes(state);
  showAlarms(state.alarms);
  showFaults(state);
}

let seen = false;

function listen() {
  const source = new EventSource('/live');
  source.onmessage = ({ data }) => {
    const { state, plans, plan_count: count, plan_events: planEvents, happenings } = JSON.parse(data);
    $('gone').hidden = true;
    seen = true;
    showState(state);
    if (plans) showPlans(plans, count);
    if (planEvents) showPlanEvents(planEvents, state.published_plan_events, state.forward);
    log(happenings);
    animate(happenings);
  };
  source.onerror = () => {
    // While it starts, the answer is 503, after which a browser does not try again by itself.
    source.close();
    $('gone').hidden = !seen;
    setTimeout(listen, 1000);
  };
}

buildOutcomes();
listen();
