// @ts-check
import { createHash, timingSafeEqual } from 'node:crypto';

/** @typedef {import('./plan-event.d.ts').PlanEvent} PlanEvent */

export class UnreadablePlanEvent extends TypeError {
  /** @override */
  name = 'UnreadablePlanEvent';
}

/** @param {unknown} message @returns {PlanEvent} */
export function readPlanEvent(message) {
  const found = unwrapped(message);
  const { user_id, version, plan, metadata } = found;
  const wrong = [
    ...(typeof user_id === 'string' && user_id !== '' ? [] : [`user_id: wanted an id, got ${shown(user_id)}`]),
    ...(Number.isSafeInteger(Number(version)) && Number(version) > 0
      ? []
      : [`version: wanted a whole number above 0, got ${shown(version)}`]),
    ...(typeof plan === 'object' && plan !== null && typeof record(plan).tier === 'string'
      ? []
      : [`plan: wanted the user's plan with its tier, got ${shown(plan)}`]),
    ...(record(metadata).version === 'v2'
      ? []
      : [`metadata.version: wanted "v2", got ${shown(record(metadata).version)}`]),
  ];
  if (wrong.length > 0) throw new UnreadablePlanEvent(`No plan event of version 2. ${wrong.join('; ')}`);
  // Databases hand out 64-bit numbers as text.
  return /** @type {PlanEvent} */ (/** @type {unknown} */ ({ ...found, version: Number(version) }));
}

/** What lies within text, a queue's record, and the bus's envelope. @param {unknown} message @returns {Record<string, unknown>} */
function unwrapped(message) {
  if (typeof message === 'string') return unwrapped(parsed(message));
  const { body, detail } = record(message);
  if (typeof body === 'string') return unwrapped(parsed(body));
  return record(detail === undefined ? message : detail);
}

/** @param {string} text @returns {unknown} */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new UnreadablePlanEvent(`No plan event: wanted JSON, got a text of ${text.length} characters`);
  }
}

/** @param {unknown} value @returns {Record<string, unknown>} */
const record = (value) =>
  typeof value === 'object' && value !== null ? /** @type {Record<string, unknown>} */ (value) : {};

/** Never the value itself: it may be anybody's. @param {unknown} value */
const shown = (value) =>
  value === null
    ? 'null'
    : value === undefined
      ? 'nothing'
      : typeof value === 'object'
        ? 'an object'
        : `a ${typeof value}`;

/** @type {typeof import('./index.d.ts').hasApiKey} */
export function hasApiKey(headers, apiKey, headerName = 'x-api-key') {
  const given = headers instanceof Headers ? headers.get(headerName) : headers[headerName];
  if (typeof given !== 'string' || apiKey === '') return false;
  const digest = (/** @type {string} */ text) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(apiKey));
}

/** @type {typeof import('./index.d.ts').isNewer} */
export const isNewer = (incoming, held) => !held || incoming.version > held.version;

export class NewestPlans {
  /** @type {Map<string, PlanEvent>} */
  #held = new Map();

  /** @param {PlanEvent} event */
  take(event) {
    if (!isNewer(event, this.#held.get(event.user_id))) return false;
    this.#held.set(event.user_id, event);
    return true;
  }

  /** @param {string} userId */
  of(userId) {
    return this.#held.get(userId);
  }
}
