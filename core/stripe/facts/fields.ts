import * as z from 'zod/mini';
import { UnreadableEvent } from '../../errors.ts';
import { problemsOf } from '../../problems.ts';

/** An id, or the object itself where Stripe expanded it. */
export const reference = z.union([z.string(), z.looseObject({ id: z.string() })]);
export const optionalReference = z.optional(z.nullable(reference));
export const seconds = z.int();
export const optionalSeconds = z.optional(z.nullable(seconds));
export const metadata = z.optional(z.nullable(z.record(z.string(), z.string())));

export const idOf = (value: z.infer<typeof optionalReference>): string | null =>
  (typeof value === 'string' ? value : value?.id) ?? null;

/** Unix seconds as ISO 8601. */
export const iso = (value: number | null | undefined): string | null =>
  value === null || value === undefined ? null : new Date(value * 1000).toISOString();

/** The app's own user id, where whoever created the object put it. Empty counts as absent. */
export const userIdIn = (value: z.infer<typeof metadata>): string | null => value?.user_id || null;

/**
 * `object` as `shape` has it.
 * @throws {UnreadableEvent} naming every field that we need and did not get.
 */
export function readObject<Shape extends z.ZodMiniType>(shape: Shape, object: unknown, name: string): z.infer<Shape> {
  const parsed = shape.safeParse(object);
  if (!parsed.success) {
    throw new UnreadableEvent(`Not a ${name} that we can read: ${problemsOf(parsed.error, object).join('; ')}`);
  }
  return parsed.data;
}
