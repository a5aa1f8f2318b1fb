import * as z from 'zod/mini';

/** What a post must be to be taken, and nothing more: what is inside is the workers' to judge, and theirs to park. */
const snapshot = z.looseObject({
  id: z.string().check(z.minLength(1)),
  // Stripe always sends it; a hand-made event without it is as clear.
  object: z.optional(z.literal('event')),
  type: z.string().check(z.minLength(1)),
  created: z.int().check(z.nonnegative()),
  data: z.looseObject({ object: z.looseObject({}) }),
});

/** Stripe's v2 events ("thin"): no payload, and a time in words. */
const thin = z.looseObject({
  id: z.string().check(z.minLength(1)),
  object: z.literal('v2.core.event'),
  type: z.string().check(z.minLength(1)),
  created: z.string().check(z.minLength(1)),
});

export interface PostedEvent {
  id: string;
  type: string;
  [field: string]: unknown;
}

export interface ShapeProblem {
  field: string;
  message: string;
}

/** The event, or every field that keeps it from being one. */
export function readPostedEvent(value: unknown): PostedEvent | ShapeProblem[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return [{ field: '(the whole)', message: `wanted a Stripe event, an object; got ${short(value)}` }];
  }
  const shape = (value as { object?: unknown }).object === 'v2.core.event' ? thin : snapshot;
  const read = shape.safeParse(value);
  if (read.success) return value as PostedEvent;
  return read.error.issues.map(({ path, message }) => ({
    field: path.join('.'),
    message: `${wanted[path.join('.')] ?? message}; got ${short(valueAt(value, path))}`,
  }));
}

/** Where zod's words would not say what to do. */
const wanted: Record<string, string> = {
  id: 'wanted the id of the event, a string such as "evt_1"',
  object: 'wanted "event" (a Stripe event in snapshot form) or "v2.core.event"',
  type: 'wanted the type of the event, a string such as "invoice.paid"',
  created: 'wanted the second in which it happened, a whole number such as 1790000000',
  data: 'wanted an object that holds `object`',
  'data.object': 'wanted the object that the event is about',
};

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((inner, step) => (inner as Record<PropertyKey, unknown> | undefined)?.[step], value);
}

function short(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
