import { type Difference, differencesOf } from '../../core/drift.ts';
import type { Catalogue } from '../../core/plans/catalogue.ts';
import type { Fact } from '../../core/stripe/facts/fact.ts';
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
  /** Our row's second, and for a subscription its status, when it was looked at. */
  heldAsOf: string | null;
  heldStatus: string | null;
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
  /** Of every row: one database holds one mode. */
  livemode: boolean;
  /** Objects whose events are still on their way: left to the next run. */
  moving: { has(id: string): boolean };
}

/**
 * A page of Stripe's objects against our rows. Rows of the page's time that Stripe did not list are asked for one by one.
 * @param span the seconds of which the page is all there is; none: only these ids
 * @param listed ids of the page before, in the span's last second
 */
export async function compareObjects(
  { store, stripe, catalogue, livemode, moving }: Comparing,
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
      const found = differences(kind, row, fact, { livemode, asOf: second });
      if (found.length > 0)
        result.findings.push({
          kind,
          id: object.id,
          object,
          asOf: second,
          known: row !== null,
          heldAsOf: row?.as_of ?? null,
          heldStatus: (row?.status as string | undefined) ?? null,
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
  { store, catalogue, livemode }: Pick<Comparing, 'store' | 'catalogue' | 'livemode'>,
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
        ...some.filter(({ id, object, asOf, heldAsOf, known }) => {
          const row = held[id] ?? null;
          if ((row !== null) !== known || (row?.as_of ?? null) !== heldAsOf) return false;
          const fact = readFetched(kind, object, catalogue);
          return fact !== null && differences(kind, row, fact, { livemode, asOf }).length > 0;
        }),
      );
    }
  }
  return still;
}

/** A row's second may be later than an answer's, by an event that came meanwhile; not later than Stripe's own clock, by more than clocks differ. */
const MAY_BE_LATER_SECONDS = 3600;

function differences(
  kind: FetchedKindName,
  row: HeldRow | null,
  fact: Fact,
  { livemode, asOf }: { livemode: boolean; asOf: number },
): Difference[] {
  const found = differencesOf(row, comparedFields(kind, fact)).filter(
    ({ field, ours }) => !fetchedKinds[kind].mayDiffer(field, ours, fact),
  );
  if (row === null) return found;
  const stripes = new Date(asOf * 1000).toISOString();
  if (row.livemode !== livemode) found.push({ field: 'livemode', ours: row.livemode, stripes: livemode });
  if (row.as_of !== null && Date.parse(row.as_of) / 1000 > asOf + MAY_BE_LATER_SECONDS)
    found.push({ field: 'as_of', ours: row.as_of, stripes });
  // What is wrong in the row makes the user's plan another: one difference, not two.
  for (const field of row.not_as_derived ?? [])
    if (field !== 'user_plan' || found.length === 0) found.push({ field, ours: row[field], stripes: '(derived anew)' });
  return row.erased ? found.filter(({ field }) => !ofThePerson.includes(field)) : found;
}

/** What an erasure takes out of a row. */
const ofThePerson = ['customer_id', 'user_id', 'metadata_user_id'];

/** What a fact says that a row must show: a subscription's snapshot and customer, of others all. */
function comparedFields(kind: FetchedKindName, fact: Fact): object {
  const { kind: _kind, snapshot = {}, ...rest } = fact as { kind: string; snapshot?: object };
  const { [fetchedKinds[kind].idField]: _id, ...fields } = { ...rest, ...snapshot } as Record<string, unknown>;
  return fields;
}
