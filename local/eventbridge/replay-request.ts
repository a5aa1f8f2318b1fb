import type { RuleBlueprint } from '../cloudformation/rules.ts';

/** The body of `POST /replay` is not one; the text says what is wanted. */
export class UnreadableReplay extends Error {
  readonly field: string;

  constructor(field: string, message: string) {
    super(`${field}: ${message}`);
    this.field = field;
  }
}

/**
 * `{ from, to, rules? }`: times in ISO 8601, rules by name or ARN.
 *
 * An envelope's `time` is to the second, so the range is widened to whole seconds; else what was posted in the second of `from` is missed.
 * @throws {UnreadableReplay}
 */
export function readReplayRequest(body: string, rules: RuleBlueprint[]): { from: Date; to: Date; rules?: string[] } {
  let request: { from?: unknown; to?: unknown; rules?: unknown };
  try {
    request = JSON.parse(body) as typeof request;
  } catch (error) {
    throw new UnreadableReplay('(the whole)', `not JSON: ${(error as Error).message}`);
  }
  if (typeof request !== 'object' || request === null)
    throw new UnreadableReplay('(the whole)', 'wanted { "from", "to", "rules"? }');
  const from = new Date(Math.floor(timeOf('from', request.from) / 1000) * 1000);
  const to = new Date(Math.ceil(timeOf('to', request.to) / 1000) * 1000);
  if (from > to) throw new UnreadableReplay('from', `lies after "to": ${String(request.from)} > ${String(request.to)}`);
  return { from, to, ...(request.rules === undefined ? {} : { rules: ruleNames(request.rules, rules) }) };
}

function timeOf(field: string, value: unknown): number {
  const time = typeof value === 'string' && /^\d{4}-\d{2}-\d{2}/.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(time))
    throw new UnreadableReplay(
      field,
      `wanted a time such as "2026-11-21T09:00:00Z"; got ${JSON.stringify(value) ?? 'nothing'}`,
    );
  return time;
}

function ruleNames(value: unknown, rules: RuleBlueprint[]): string[] {
  const known = rules.map(({ name }) => name).join(', ');
  if (!Array.isArray(value) || value.length === 0)
    throw new UnreadableReplay('rules', `wanted a list of rules, of ${known}; got ${JSON.stringify(value)}`);
  return value.map((wanted: unknown) => {
    const rule = rules.find(({ name, arn }) => name === wanted || arn === wanted);
    if (!rule) throw new UnreadableReplay('rules', `no rule ${JSON.stringify(wanted)}; there are ${known}`);
    return rule.name;
  });
}
