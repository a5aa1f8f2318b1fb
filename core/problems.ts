import type * as z from 'zod/mini';

/**
 * Each problem of a failed parse as `path: what was found, what was wanted`.
 *
 * Names types and never the values themselves: a payload may hold personal data, and problems are logged.
 */
export function problemsOf(error: z.core.$ZodError, value: unknown): string[] {
  return error.issues.map((issue) => {
    const path = issue.path.reduce<string>(
      (name, step) =>
        typeof step === 'number' ? `${name}[${step}]` : `${name}${name === '' ? '' : '.'}${String(step)}`,
      '',
    );
    return `${path === '' ? 'the whole' : path}: got ${typeAt(value, issue.path)}, wanted ${wantedBy(issue)}`;
  });
}

function typeAt(value: unknown, path: readonly PropertyKey[]): string {
  const found = path.reduce<unknown>(
    (inner, step) => (inner as Record<PropertyKey, unknown> | null | undefined)?.[step],
    value,
  );
  if (found === undefined) return 'nothing';
  if (found === null) return 'null';
  return Array.isArray(found) ? `a list of ${found.length}` : `a ${typeof found}`;
}

function wantedBy(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return issue.expected === 'int' ? 'a whole number' : `a ${issue.expected}`;
    case 'invalid_value':
      return `one of ${issue.values.map(String).join(', ')}`;
    case 'too_small':
      return `at least ${issue.minimum}`;
    case 'invalid_format':
      return `a ${issue.format}`;
    case 'invalid_union':
      return 'another shape';
    default:
      return issue.message;
  }
}
