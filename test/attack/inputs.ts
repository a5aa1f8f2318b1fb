import { eventTypesOf } from '../../core/event-routes.ts';
import { reconcileType } from '../../core/stripe/read-fact.ts';
import type { Worker } from '../../core/workers.ts';
import { envelope } from '../support/event-processor.ts';
import { event, sampleOf } from '../support/stripe-samples.ts';
import {
  CANARY,
  characters,
  dangerousKeys,
  lengths,
  numbers,
  rawNumbers,
  SECRET,
  times,
  values,
} from './hostile-values.ts';
import type { Random } from './random.ts';

/** One message as it could lie in a work queue, though Stripe would never send it. */
export interface Hostile {
  /** In which way it is hostile. */
  class: string;
  body: string;
}

type Json = Record<string, unknown>;
interface Message extends Json {
  time: string;
  detail: Json & { id: string; type: string; created: number; data: { object: Json } };
}

/** What SQS takes at most. */
const LONGEST_BODY = 1_048_576;

let made = 0;

/** A message as Stripe sends it, full of personal data: of any type, of a customer of its own, live, a moment before it arrived. */
function ordinary(random: Random, worker: Worker): Message {
  const n = ++made;
  const type = random.oneOf(eventTypesOf(worker));
  const object = {
    ...(sampleOf(type, `h${n}`) as Json),
    ...(type.startsWith('customer.') && !type.startsWith('customer.subscription') ? {} : { customer: `cus_h${n}` }),
    email: `${SECRET}.example`,
    name: SECRET,
    billing_details: { name: SECRET, address: { line1: SECRET } },
    metadata: { user_id: `user_h${n}`, [SECRET]: SECRET },
  };
  const detail = event(`evt_h${n}`, type, 1_795_000_000 + random.below(168_000), object, { livemode: true });
  return JSON.parse(envelope(detail)) as Message;
}

/** Every place in a value, as the way to it: objects' keys and lists' indexes. */
function places(value: unknown, way: (string | number)[] = []): (string | number)[][] {
  if (typeof value !== 'object' || value === null) return [way];
  return [way, ...Object.entries(value).flatMap(([key, inner]) => places(inner, [...way, key]))].filter(
    ({ length }) => length > 0,
  );
}

const at = (root: unknown, way: (string | number)[]): unknown =>
  way.reduce((inner, step) => (inner as Json)[step], root);

function put(root: object, way: (string | number)[], value: unknown): void {
  (at(root, way.slice(0, -1)) as Json)[way.at(-1)!] = value;
}

/** Changes one to three places of an ordinary message that hold what `suits` accepts. */
function changed(
  random: Random,
  worker: Worker,
  suits: (held: unknown, way: (string | number)[]) => boolean,
  change: (held: never) => unknown,
): string {
  const message = ordinary(random, worker);
  // The arrays `places` answers are shared with nothing, so a place changed twice is no harm.
  const candidates = places(message).filter((way) => suits(at(message, way), way));
  for (let times = 1 + random.below(3); times > 0; times -= 1) {
    const way = random.oneOf(candidates);
    try {
      put(message, way, change(at(message, way) as never));
    } catch {
      // What led there was replaced by the change before.
    }
  }
  return JSON.stringify(message);
}

const isText = (held: unknown) => typeof held === 'string';
const isNumber = (held: unknown) => typeof held === 'number';
const filler = (length: number) => 'x'.repeat(Math.max(0, length));

/** How messages are hostile, by name; each makes one. */
export const classes: Record<string, (random: Random, worker: Worker) => string> = {
  characters: (random, worker) =>
    changed(random, worker, isText, (held: string) => {
      const nasty = random.oneOf(characters);
      return random.oneOf([nasty, held + nasty, `${nasty}${held}${CANARY}`, `${CANARY}${nasty}`]);
    }),
  lengths: (random, worker) =>
    changed(random, worker, isText, () => {
      const unit = random.oneOf(['a', 'é', '한', CANARY]);
      const length = random.oneOf(lengths);
      return unit.repeat(Math.ceil(length / unit.length)).slice(0, length);
    }),
  numbers: (random, worker) => changed(random, worker, isNumber, () => random.oneOf(numbers)),
  'raw numbers': (random, worker) =>
    changed(random, worker, isNumber, () => '#raw#').replaceAll('"#raw#"', () => random.oneOf(rawNumbers)),
  times(random, worker) {
    const message = ordinary(random, worker);
    if (random.below(2) === 0) message.time = random.oneOf(times);
    else message.detail.created = random.oneOf([...numbers, 1_795_168_800 + 86_401, 4_102_444_800, 32_503_680_000]);
    return JSON.stringify(message);
  },
  types: (random, worker) =>
    changed(
      random,
      worker,
      () => true,
      () => random.oneOf(values),
    ),
  missing: (random, worker) =>
    changed(
      random,
      worker,
      () => true,
      () => undefined,
    ),
  prototypes(random, worker) {
    const key = random.oneOf(dangerousKeys);
    const text = random.oneOf(['{"polluted":true}', '{"polluted":{"id":"cus_1"}}', '[]', '"x"', 'null']);
    return changed(
      random,
      worker,
      (held) => typeof held === 'object' && held !== null && !Array.isArray(held),
      (held: object) => ({ ...held, '#key#': '#value#' }),
    ).replaceAll('"#key#":"#value#"', () => `"${key}":${text},"constructor":{"prototype":{"polluted":true}}`);
  },
  metadata(random, worker) {
    const message = ordinary(random, worker);
    const many = Object.fromEntries(Array.from({ length: 2000 }, (_, n) => [`${SECRET}${n}`, SECRET]));
    message.detail.data.object.metadata = random.oneOf<unknown>([
      many,
      { ...many, user_id: 'user_1' },
      { [random.oneOf(characters) + SECRET]: 7 },
      { user_id: random.oneOf(values) },
      { user_id: `${random.oneOf(characters)}user` },
      { user_id: filler(random.oneOf(lengths)) },
      { USER_ID: SECRET, 'user_id ': SECRET },
      ...values,
    ]);
    return JSON.stringify(message);
  },
  envelope(random, worker) {
    const message = ordinary(random, worker);
    const nasty = `${random.oneOf(characters)}${CANARY}`;
    const change: Json = random.oneOf<Json>([
      { source: 'aws.partner/stripe.com/ed_other' },
      { source: nasty },
      { source: 'stripe-eventbridge' },
      { 'replay-name': nasty },
      { 'replay-name': filler(random.oneOf(lengths)) },
      { 'detail-type': nasty },
      { id: nasty },
      { id: filler(random.oneOf(lengths)) },
      { origin: nasty },
      { origin: 'reconcile' },
      { detail: { ...message.detail, type: random.oneOf(['product.created', 'customer', nasty, reconcileType]) } },
      { detail: { ...message.detail, type: reconcileType, data: { object: { id: nasty, customer: nasty } } } },
      { detail: { ...message.detail, account: random.oneOf(['acct_1', nasty, '', 5]) } },
      { detail: { ...message.detail, livemode: random.oneOf([false, null, 'true', undefined]) } },
      { detail: { ...message.detail, api_version: random.oneOf([nasty, '9999-12-31.zulu', '', 5]) } },
      { detail: { id: 'evt_thin', object: 'v2.core.event', type: 'v1.billing.meter', created: message.time } },
      { detail: JSON.stringify(message.detail) },
      { detail: [message.detail] },
    ]);
    return JSON.stringify({ ...message, ...change });
  },
  text(random, worker) {
    const whole = JSON.stringify(ordinary(random, worker));
    const cut = random.below(whole.length);
    return random.oneOf([
      whole.slice(0, cut) || ' ',
      `${whole}${whole}`,
      `\ufeff${whole}`,
      whole.replace('"detail":', '"detail":{"id":"evt_first"},"detail":'),
      whole.replaceAll('"', "'"),
      `${'['.repeat(50_000)}${']'.repeat(50_000)}`,
      whole.replace('"detail":{', `"detail":{"deep":${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)},`),
      `${SECRET} is not JSON`,
      'null',
      '[]',
      '5',
      '"x"',
      '{}',
      ' ',
    ]);
  },
  huge(random, worker) {
    const message = ordinary(random, worker);
    const object = message.detail.data.object;
    const room = LONGEST_BODY - Buffer.byteLength(JSON.stringify(message));
    switch (random.below(7)) {
      case 0:
        object.description = filler(room - 20);
        break;
      case 1:
        object.id = filler(random.oneOf([10_000, room - 20]));
        break;
      case 2:
        object.items = { data: Array.from({ length: 20_000 }, () => ({ price: 5 })) };
        break;
      case 3:
        object.items = { data: Array.from({ length: 5000 }, () => ({ price: { id: 'price_x', currency: 'eur' } })) };
        break;
      case 4:
        Object.assign(object, Object.fromEntries(Array.from({ length: 20_000 }, (_, n) => [`${SECRET}${n}`, n])));
        break;
      case 5:
        // As long as a message can be, and unreadable: there is no room for the reason's attributes beside it.
        return `${SECRET}${filler(LONGEST_BODY - SECRET.length)}`;
      default:
        message.detail.previous_attributes = { description: filler(room - 60) };
    }
    return JSON.stringify(message);
  },
  repeated(random, worker) {
    // Of few events and few subscriptions: duplicates, contradictions and ties of one second, by live deliveries and replays at once.
    const message = ordinary(random, worker);
    const { detail } = message;
    const n = random.below(8);
    Object.assign(detail, { id: `evt_r${worker}${random.below(40)}`, created: 1_795_000_000 + random.below(3) });
    Object.assign(detail.data.object, { id: `obj_r${n}`, customer: `cus_r${n}` });
    if ('status' in detail.data.object && worker === 'billing' && detail.type.includes('subscription'))
      detail.data.object.status = random.oneOf(['active', 'canceled', 'past_due', 'unpaid', 'incomplete']);
    return JSON.stringify(random.below(3) === 0 ? { ...message, 'replay-name': `again_${random.below(3)}` } : message);
  },
};

/** `count` hostile messages for one worker, of all classes in turn; made when they are asked for, since some are a megabyte. */
export function* hostileMessages(random: Random, worker: Worker, count: number): Generator<Hostile> {
  const names = Object.keys(classes);
  for (let index = 0; index < count; index += 1) {
    const name = names[index % names.length]!;
    yield { class: name, body: classes[name]!(random, worker) };
  }
}
