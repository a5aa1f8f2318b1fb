/** Of an object of Stripe's, what tells nothing of a person and all that the books need. */
const kept = /^(id|object|created|livemode|status|currency|quantity|(sub)?total|amount(_\w+)?|\w+_amount)$/;

/**
 * Kinds of objects that belong to one customer, by how their ids begin. Not of prices, products, coupons and whatever else many customers
 * share: an erasure follows these ids from line to line.
 * @see https://gist.github.com/fnky/76f533366f75cf75802c8052b577e2a5
 */
const ownKinds =
  'sub_sched|sub|si|inpay|in|il|ii|ch|pyr|py|pi|setatt|seti|cs|re|dp|du|pm|card|ba|src|cn|qt|mandate|txn|cbtxn|cus';
const idsInText = new RegExp(`(?<![A-Za-z0-9_])(?:${ownKinds})_\\w+`, 'g');

/** Ids in a line that belong to one customer. */
export const ownIdsOf = (line: string): string[] => line.match(idsInText) ?? [];

export interface Person {
  customer_id: string;
  pseudonym: string;
  /** Ids of theirs: customer, subscriptions, payments … */
  ids: ReadonlySet<string>;
}

/**
 * Whether a line of the audit bucket still tells something of a person: it names something of theirs, and was not written by us in its place.
 * What names another customer and not this one is that one's, whatever else the two share.
 */
export function tellsOf(line: string, { customer_id, ids }: Person): boolean {
  const named = ownIdsOf(line);
  if (named.includes(customer_id)) return true;
  if (named.some((id) => id.startsWith('cus_'))) return false;
  return named.some((id) => ids.has(id)) && fieldsOf(line)?.erased === undefined;
}

/**
 * The line in whose place the audit trail keeps: that there was such an event, when, and about how much money; nobody's name.
 * @param at ISO 8601
 */
export function erasedLine(line: string, { customer_id, pseudonym }: Person, at: string): string {
  const fields = fieldsOf(line);
  const named = (id: unknown) => (id === customer_id ? pseudonym : id);
  if (fields === undefined) return JSON.stringify({ erased: at });
  if ('field' in fields)
    return JSON.stringify({ ...fields, id: named(fields.id), before: null, after: null, erased: at });
  const detail = (fields.detail ?? {}) as Record<string, unknown>;
  const object = ((detail.data as Record<string, unknown> | undefined)?.object ?? {}) as Record<string, unknown>;
  const { id, object: kind, type, created, livemode, api_version } = detail;
  return JSON.stringify({
    ...fields,
    detail: {
      id,
      object: kind,
      type,
      created,
      livemode,
      api_version,
      data: {
        object: Object.fromEntries(
          Object.entries(object)
            .filter(([name, value]) => kept.test(name) && typeof value !== 'object')
            .map(([name, value]) => [name, named(value)]),
        ),
      },
    },
    erased: at,
  });
}

/** undefined for what is no JSON object: somebody else's message in our queue. */
function fieldsOf(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
