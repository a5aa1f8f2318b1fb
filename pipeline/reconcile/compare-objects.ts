import { type Difference, differencesOf } from '../../core/drift.ts';
import type { Catalogue } from '../../core/plans/catalogue.ts';
import {
  type FetchedKindName,
  type FetchedObject,
  fetchedKinds,
  readFetched,
} from '../../core/stripe/fetched-object.ts';
import type { HeldRow, ReconcileStore, StripeLists, StripePage, TimeRange } from './ports.ts';

/** An object of Stripe's that our rows do not show as it is. */
export interface Finding {
  kind: FetchedKindName;
  id: string;
  object: FetchedObject;
  /** The second for which the object speaks. */
  asOf: number;
  /** false: we hold no row of it. */
  known: boolean;
  /** Our row's second, when it was looked at. */
  heldAsOf: string | null;
  differences: Difference[];
}

export interface Compared {
  compared: number;
  findings: Finding[];
  /** Rows whose object Stripe does not know. */
  unknownToStripe: { id: string; row: HeldRow }[];
  unreadable: { id: string; problem: string }[];
}

export interface Comparing {
  store: Pick<ReconcileStore, 'rows'>;
  stripe: Pick<StripeLists, 'one'>;
  catalogue: Catalogue;
  /** Objects whose events are still on their way: left to the next run. */
  moving: ReadonlySet<string>;
}

/**
 * A page of Stripe's objects against our rows. Rows of the page's time that Stripe did not list are asked for one by one.
 * @param span the seconds of which the page is all there is; none: only these ids
 * @param listed ids of the page before, in the span's last second
 */
export async function compareObjects(
  { store, stripe, catalogue, moving }: Comparing,
  kind: FetchedKindName,
  { items, asOf }: Pick<StripePage, 'items' | 'asOf'>,
  span?: TimeRange,
  listed: ReadonlySet<string> = new Set(),
): Promise<Compared> {
  const result: Compared = { compared: 0, findings: [], unknownToStripe: [], unreadable: [] };
  const { held, others } = await store.rows(
    kind,
    items.map(({ id }) => id),
    span,
  );
  const compare = (object: FetchedObject, second: number) => {
    if (moving.has(object.id)) return;
    try {
      const fact = readFetched(kind, object, catalogue);
      if (fact === null) return;
      result.compared += 1;
      const row = held[object.id] ?? others[object.id] ?? null;
      const found = differences(kind, row, fact);
      if (found.length > 0)
        result.findings.push({
          kind,
          id: object.id,
          object,
          asOf: second,
          known: row !== null,
          heldAsOf: row?.as_of ?? null,
          differences: found,
        });
    } catch (error) {
      // One that we cannot read must not keep the others from being compared.
      result.unreadable.push({ id: object.id, problem: (error as Error).message });
    }
  };
  for (const object of items) compare(object, asOf);
  for (const [id, row] of Object.entries(others)) {
    if (moving.has(id) || listed.has(id)) continue;
    const now = await stripe.one(kind, id);
    const [object] = now.items;
    if (object === undefined) result.unknownToStripe.push({ id, row });
    else compare(object, now.asOf);
  }
  return result;
}

/** What is still different at a second look, in rows that no event has moved since the first. */
export async function comparedAgain(
  { store, catalogue }: Pick<Comparing, 'store' | 'catalogue'>,
  findings: readonly Finding[],
): Promise<Finding[]> {
  const still: Finding[] = [];
  for (const [kind, theirs] of Map.groupBy(findings, (finding) => finding.kind)) {
    for (let first = 0; first < theirs.length; first += 100) {
      const some = theirs.slice(first, first + 100);
      const { held } = await store.rows(
        kind,
        some.map(({ id }) => id),
      );
      still.push(
        ...some.filter(({ id, object, heldAsOf, known }) => {
          const row = held[id] ?? null;
          if ((row !== null) !== known || (row?.as_of ?? null) !== heldAsOf) return false;
          const fact = readFetched(kind, object, catalogue);
          return fact !== null && differences(kind, row, fact).length > 0;
        }),
      );
    }
  }
  return still;
}

function differences(kind: FetchedKindName, row: HeldRow | null, fact: object): Difference[] {
  const derived = (row?.not_as_derived ?? []).map((field) => ({ field, ours: row![field], stripes: '(derived anew)' }));
  const found = [...differencesOf(row, comparedFields(kind, fact)), ...derived];
  return row?.erased ? found.filter(({ field }) => !ofThePerson.includes(field)) : found;
}

/** What an erasure takes out of a row. */
const ofThePerson = ['customer_id', 'user_id', 'metadata_user_id'];

/** What a fact says that a row must show: a subscription's snapshot and customer, of others all but what an event's name alone tells. */
function comparedFields(kind: FetchedKindName, fact: object): object {
  const { kind: _kind, snapshot = {}, ...rest } = fact as { kind: string; snapshot?: object };
  const skipped: readonly string[] = fetchedKinds[kind].notCompared;
  return Object.fromEntries(
    Object.entries({ ...rest, ...snapshot }).filter(
      ([field]) => !skipped.includes(field) && field !== fetchedKinds[kind].idField,
    ),
  );
}
