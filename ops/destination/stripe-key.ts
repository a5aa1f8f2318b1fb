export type StripeMode = 'live' | 'test';

/** The mode that a secret or restricted key is made for; undefined when it is no such key. */
export function modeOfKey(key: string): StripeMode | undefined {
  const [, mode] = /^(?:sk|rk)_(live|test)_\w+$/.exec(key) ?? [];
  return mode as StripeMode | undefined;
}

/** What may be shown of a key: its kind and mode, and the end by which the Stripe dashboard lists it. */
export const shownKey = (key: string): string => key.replace(/^((?:sk|rk)_(?:live|test)_)\w*(\w{4})$/, '$1…$2');
