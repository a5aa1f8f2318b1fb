import { type Collection, collections, type ObjectMap, type StripeAccount, type StripeObject } from './account.ts';

/** A page as Stripe answers it; newest first. */
export interface Page {
  data: StripeObject[];
  has_more: boolean;
}

/** Fields that a list can be narrowed by, beside `created`. @see https://docs.stripe.com/api/pagination */
const filters: Record<Collection, readonly string[]> = {
  customers: ['email'],
  subscriptions: ['customer', 'status', 'price'],
  subscription_schedules: ['customer'],
  'checkout/sessions': ['customer', 'subscription', 'payment_intent', 'status'],
  invoices: ['customer', 'subscription', 'status'],
  payment_intents: ['customer'],
  charges: ['customer', 'payment_intent'],
  invoice_payments: ['invoice', 'status'],
  refunds: ['charge', 'payment_intent'],
  disputes: ['charge', 'payment_intent'],
  prices: ['active', 'lookup_keys'],
};

const parameters = ['limit', 'starting_after', 'ending_before', 'created', 'expand'];

/** A question that Stripe would refuse. */
export class BadRequest extends Error {}

export function isCollection(path: string): path is Collection {
  return Object.hasOwn(collections, path);
}

/** @throws {BadRequest} for a parameter that the list does not take, so that a misspelled one is no silent "everything". */
export function listObjects(account: StripeAccount, collection: Collection, query: URLSearchParams): Page {
  const given = new Map<string, string[]>();
  for (const [key, value] of query) {
    const name = key.replace(/\[.*$/, '');
    if (![...parameters, ...filters[collection]].includes(name))
      throw new BadRequest(`Received unknown parameter: ${name}`);
    if (filters[collection].includes(name)) given.set(name, [...(given.get(name) ?? []), value]);
  }
  const objects = account.objects[collection];
  const passes = (object: StripeObject) =>
    !(object as { deleted?: boolean }).deleted &&
    [...given].every(([name, values]) => matches(collection, object, name, values)) &&
    (collection !== 'subscriptions' || given.has('status') || (object as { status?: string }).status !== 'canceled');
  return pageOf(sorted(objects, objects.version, objects.values()), query, passes);
}

/** `metadata['user_id']:'4f1c' OR …`, the one kind of search that we ask. @see https://docs.stripe.com/search */
export function searchObjects(account: StripeAccount, collection: Collection, query: URLSearchParams): Page {
  const asked = query.get('query') ?? '';
  const wanted = asked.split(' OR ').map((clause) => /^metadata\['([^']+)'\]:'((?:[^'\\]|\\.)*)'$/.exec(clause));
  if (wanted.some((clause) => clause === null))
    throw new BadRequest(`We were unable to parse your search query: ${asked}`);
  const data = [...account.objects[collection].values()].filter((object) =>
    wanted.some((clause) => {
      const { metadata } = object as { metadata?: Record<string, string> };
      return metadata?.[clause![1]!] === clause![2]!.replace(/\\(.)/g, '$1');
    }),
  );
  return { data, has_more: false };
}

/** Stripe lists events of the last 30 days, and takes at most 20 types. @see https://docs.stripe.com/api/events/list */
export function listEvents({ events }: StripeAccount, query: URLSearchParams, now: number): Page {
  const types = query
    .getAll('type')
    .concat([...query].filter(([key]) => key.startsWith('types')).map(([, type]) => type));
  if (types.length > 20) throw new BadRequest('You may pass up to 20 event types');
  const listed = now - 30 * 86_400;
  return pageOf(
    sorted(events, events.length, events),
    query,
    (event) =>
      (event.created ?? 0) >= listed &&
      (types.length === 0 || types.includes((event as unknown as { type: string }).type)),
  );
}

function matches(collection: Collection, object: StripeObject, name: string, values: string[]): boolean {
  if (collection === 'subscriptions' && name === 'status') {
    const { status } = object as { status?: string };
    if (values[0] === 'all') return true;
    if (values[0] === 'ended') return status === 'canceled' || status === 'incomplete_expired';
  }
  if (collection === 'subscriptions' && name === 'price') {
    const { items } = object as { items?: { data: { price: { id: string } }[] } };
    return items?.data.some(({ price }) => values.includes(price.id)) ?? false;
  }
  const field = (object as unknown as Record<string, unknown>)[name === 'lookup_keys' ? 'lookup_key' : name];
  if (collection === 'invoices' && name === 'subscription') {
    const { parent } = object as { parent?: { subscription_details?: { subscription?: string } } };
    return values.includes(parent?.subscription_details?.subscription ?? '');
  }
  return values.includes(String(field));
}

interface Sorted {
  version: number;
  list: StripeObject[];
  places: Map<string, number>;
}

const lists = new WeakMap<object, Sorted>();

/**
 * Oldest first; of two in one second the earlier made. Kept while the collection is the same, and continued while it only grows in order, as events do:
 * pages are asked for by the thousand, and events come in between.
 */
function sorted(owner: ObjectMap | object, version: number, all: Iterable<StripeObject>): Sorted {
  const kept = lists.get(owner);
  if (kept?.version === version) return kept;
  const news = kept && Array.isArray(owner) ? (owner as StripeObject[]).slice(kept.version) : undefined;
  if (kept && news && inOrder([...kept.list.slice(-1), ...news])) {
    for (const object of news) kept.places.set(object.id, kept.list.push(object) - 1);
    kept.version = version;
    return kept;
  }
  const list = [...all].sort((one, other) => (one.created ?? 0) - (other.created ?? 0));
  const made = { version, list, places: new Map(list.map(({ id }, place) => [id, place])) };
  lists.set(owner, made);
  return made;
}

const inOrder = (objects: readonly StripeObject[]): boolean =>
  objects.every(({ created = 0 }, place) => place === 0 || (objects[place - 1]!.created ?? 0) <= created);

/** Newest first. */
function pageOf({ list, places }: Sorted, query: URLSearchParams, passes: (object: StripeObject) => boolean): Page {
  const bound = (name: string, otherwise: number) => Number(query.get(`created[${name}]`) ?? otherwise);
  const from = Math.max(bound('gte', 0), bound('gt', -1) + 1);
  const to = Math.min(bound('lte', Number.MAX_SAFE_INTEGER), bound('lt', Number.MAX_SAFE_INTEGER) - 1);
  const limit = Math.min(Number(query.get('limit') ?? 10), 100);
  const after = query.get('starting_after');
  if (after !== null && !places.has(after)) throw new BadRequest(`No such object: '${after}'`);
  const data: StripeObject[] = [];
  for (
    let place = Math.min(lastUpTo(list, to), after === null ? list.length : places.get(after)! - 1);
    place >= 0;
    place -= 1
  ) {
    const object = list[place]!;
    if ((object.created ?? 0) < from) break;
    if (!passes(object)) continue;
    if (data.length === limit) return { data, has_more: true };
    data.push(object);
  }
  return { data, has_more: false };
}

/** The last place whose object is not newer than `to`; -1: none. */
function lastUpTo(list: readonly StripeObject[], to: number): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((list[middle]!.created ?? 0) > to) high = middle;
    else low = middle + 1;
  }
  return low - 1;
}
