/**
 * An id or a word of Stripe's as it may stand in a log line, a queue attribute or a metric; undefined for any other text, which may be
 * personal data, a secret somebody put in the wrong field, or made to look like something else.
 */
export const plainWord = (value: unknown): string | undefined =>
  typeof value === 'string' && /^[\w./-]{1,255}$/.test(value) ? value : undefined;

/** {@link plainWord}, or how long the text was that is none. */
export const wordOrLength = (value: string): string => plainWord(value) ?? `(a text of ${value.length} characters)`;
