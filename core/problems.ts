import type * as z from 'zod/mini';

/** `types` for payloads, which may hold personal data and whose problems are logged; `values` for our own configuration. */
type Showing = 'types' | 'values';

/** Each problem of a failed parse as `path: got this, wanted that`; an entry of a list that has an id is named by it too. */
export function problemsOf(error: z.core.$ZodError, value: unknown, showing: Showing = 'types'): string[] {
  return error.issues.map((issue) => {
    if (issue.code === 'unrecognized_keys') {
      const keys = issue.keys.map((key) => `"${key}"`).join(', ');
      return `${nameOf(value, issue.path, showing)}: got ${keys}, which means nothing there (misspelled?)`;
    }
    const found = valueAt(value, issue.path);
    const got = showing === 'values' && found !== undefined ? JSON.stringify(found)?.slice(0, 80) : gotBy(issue, found);
    return `${nameOf(value, issue.path, showing)}: got ${got}, wanted ${wantedBy(issue)}`;
  });
}

/** `plans[1] (premium_plus).prices[0].currency` */
function nameOf(value: unknown, path: readonly PropertyKey[], showing: Showing): string {
  if (path.length === 0) return showing === 'values' ? 'the document' : 'the message';
  return path.reduce<string>((name, step, depth) => {
    if (typeof step !== 'number') return `${name}${name === '' ? '' : '.'}${String(step)}`;
    const { id } = (valueAt(value, path.slice(0, depth + 1)) ?? {}) as { id?: unknown };
    return `${name}[${step}]${showing === 'values' && typeof id === 'string' ? ` (${id})` : ''}`;
  }, '');
}

const valueAt = (value: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>((inner, step) => (inner as Record<PropertyKey, unknown> | null | undefined)?.[step], value);

function typeOf(found: unknown): string {
  if (found === undefined) return 'nothing';
  if (found === null) return 'null';
  if (Array.isArray(found)) return `a list of ${found.length}`;
  return typeof found === 'object' ? 'an object' : `a ${typeof found}`;
}

/** A number that a field of numbers refuses says nothing of a person, and everything of the problem; of a text, only its length is told. */
function gotBy(issue: z.core.$ZodIssue, found: unknown): string {
  const ofRange = issue.code === 'too_small' || issue.code === 'too_big';
  if (typeof found === 'number' && (ofRange || (issue.code === 'invalid_type' && issue.expected !== 'string')))
    return String(found);
  if (typeof found === 'string' && ofRange) return `${found.length} characters`;
  return typeOf(found);
}

/** What a check says of itself where its author wrote it down: every other issue of zod/mini has this for a message. */
const NOTHING_SAID = 'Invalid input';

function wantedBy(issue: z.core.$ZodIssue): string {
  if (issue.message !== NOTHING_SAID) return issue.message;
  switch (issue.code) {
    case 'invalid_type':
      return issue.expected === 'int'
        ? 'a whole number'
        : `${/^[aeiou]/.test(issue.expected) ? 'an' : 'a'} ${issue.expected}`;
    case 'invalid_value':
      return `one of ${issue.values.map(String).join(', ')}`;
    case 'too_small':
      return `${issue.inclusive ? 'at least' : 'above'} ${issue.minimum}${issue.origin === 'array' ? ' entry' : ''}${issue.origin === 'string' ? ' character' : ''}`;
    case 'too_big':
      return `at most ${issue.maximum}${issue.origin === 'string' ? ' characters' : ''}`;
    case 'invalid_format':
      return `a ${issue.format.replace('datetime', 'date and time in ISO 8601, UTC')}`;
    case 'invalid_union':
      return 'an id, or an object with one';
    default:
      return issue.message;
  }
}
