import * as z from 'zod/mini';
import { UnreadableEvent } from '../../errors.ts';
import type { Catalogue } from '../../plans/catalogue.ts';
import { problemsOf } from '../../problems.ts';

/**
 * The fields that objects of Stripe's are made of, each bounded: what these let through, Postgres can store and index, and a JavaScript
 * Date can hold. Whatever else comes is refused here by its field's name; in the database it would fail without one.
 */

/** Postgres has no place for NUL, and UTF-8 none for half a surrogate pair; other control characters stand in no id and no word. */
const storable = z.refine<string>(
  (text) => text.isWellFormed() && !/\p{Cc}/u.test(text),
  'text without control characters and halves of surrogate pairs',
);

export const text = (longest: number) => z.string().check(z.maxLength(longest), storable);

/** Ids have at most 255 characters. Not `[A-Za-z0-9_]` alone: of old customers and prices they were chosen by people. @see https://docs.stripe.com/upgrades */
export const id = text(255).check(z.minLength(1));

/** An open list of Stripe's (a status, a reason, an interval). */
export const word = text(255);
export const optionalWord = z.optional(z.nullable(word));

/** An id, or the object itself where Stripe expanded it. */
export const reference = z.union([id, z.looseObject({ id })]);
export const optionalReference = z.optional(z.nullable(reference));

const inRange = 'Unix seconds of the years 1970 to 9999';
/** 9999-12-31T23:59:59Z: the last year that both ISO 8601 and Postgres write with four digits. */
export const LAST_SECOND = 253_402_300_799;
export const seconds = z.int(inRange).check(z.gte(0, inRange), z.lte(LAST_SECOND, inRange));
export const optionalSeconds = z.optional(z.nullable(seconds));

/** In the currency's smallest unit; below zero where something is given back. Never beyond what both JSON and bigint hold exactly. */
export const amount = z.int();
export const optionalAmount = z.optional(z.nullable(amount));

/** Fits Postgres' integer. */
export const count = z.int().check(z.nonnegative(), z.lte(2_147_483_647));

/** ISO 4217 in Stripe's lower case; longer ones are left room for (stablecoins). */
export const currency = z.string().check(z.regex(/^[a-z]{3,8}$/i, 'a currency such as "eur"'));
export const optionalCurrency = z.optional(z.nullable(currency));

/** Of all that others keep there only the keys that the catalogue names are looked at ({@link userIdIn}); the rest is none of our business. */
export const metadata = z.optional(z.nullable(z.looseObject({})));

export const idOf = (value: z.infer<typeof optionalReference>): string | null =>
  (typeof value === 'string' ? value : value?.id) ?? null;

/** Unix seconds as ISO 8601. */
export const iso = (value: number | null | undefined): string | null =>
  value === null || value === undefined ? null : new Date(value * 1000).toISOString();

/** @see https://docs.stripe.com/metadata values have at most 500 characters */
const userId = text(500);

/** The app's own user id, where whoever created the object put it: under the first of the catalogue's `user_id_keys` that is set. Empty counts as absent. */
export function userIdIn(metadata: Metadata, { user_id_keys }: UserIdKeys): string | null {
  const key = user_id_keys.find((key) => metadata?.[key]);
  return key === undefined ? null : (metadata![key] as string);
}

/** What stands under those keys and can be nobody's id; for {@link readObject}. */
export function userIdProblems(object: unknown, { user_id_keys }: UserIdKeys): string[] {
  const { metadata } = (object ?? {}) as { metadata?: Metadata };
  return user_id_keys.flatMap((key) => {
    const parsed = z.optional(z.nullable(userId)).safeParse(metadata?.[key]);
    if (parsed.success) return [];
    return problemsOf(parsed.error, metadata?.[key]).map((problem) => problem.replace(/^[^:]*/, `metadata.${key}`));
  });
}

type Metadata = z.infer<typeof metadata>;
type UserIdKeys = Pick<Catalogue, 'user_id_keys'>;

/** As many as a person reads: a list of thousands of wrong items must not become a log line of a megabyte. */
const PROBLEMS_NAMED = 10;

/**
 * `object` as `shape` has it.
 * @param name what it should have been: "a subscription that we can read"
 * @param alsoWrong problems that the shape cannot say, each as `field: got this, wanted that`
 * @throws {UnreadableEvent} naming every field that we need and did not get, up to ten.
 */
export function readObject<Shape extends z.ZodMiniType>(
  shape: Shape,
  object: unknown,
  name: string,
  alsoWrong: readonly string[] = [],
): z.infer<Shape> {
  const parsed = shape.safeParse(object);
  if (parsed.success && alsoWrong.length === 0) return parsed.data;
  const problems = [...(parsed.success ? [] : problemsOf(parsed.error, object)), ...alsoWrong];
  const more = problems.length > PROBLEMS_NAMED ? `; and ${problems.length - PROBLEMS_NAMED} more` : '';
  throw new UnreadableEvent(`Not ${name}: ${problems.slice(0, PROBLEMS_NAMED).join('; ')}${more}`);
}
