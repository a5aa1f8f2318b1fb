/** A test of one leaf value of an event. */
export type ValueTest = (value: unknown) => boolean;

/** A pattern that the local EventBridge does not understand; the text names the place and what it found there. */
export class UnknownPattern extends Error {
  constructor(place: string, problem: string) {
    super(
      `Event pattern at ${place}: ${problem}. Teach local/eventbridge/pattern-operators.ts, or write the rule another way.`,
    );
    this.name = 'UnknownPattern';
  }
}

/**
 * The test that one element of a pattern's array stands for: a plain value, or an object with one operator.
 *
 * `exists` is not here: it speaks of the field, not of its value.
 * @throws {UnknownPattern} for an operator or an operand that EventBridge's documentation does not describe.
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
 */
export function valueTest(element: unknown, place: string): ValueTest {
  // EventBridge compares numbers by their text ("300" is not "300.0"); after JSON.parse that is lost, so by value here.
  if (isPlain(element)) return (value) => value === element;
  const [operator, operand] = theOperator(element, place);
  switch (operator) {
    case 'prefix':
      return textTest(operator, operand, place, (value, wanted) => value.startsWith(wanted));
    case 'suffix':
      return textTest(operator, operand, place, (value, wanted) => value.endsWith(wanted));
    case 'equals-ignore-case':
      return sameIgnoringCase(text(operand, operator, place));
    case 'wildcard':
      return wildcard(text(operand, operator, place), place);
    case 'numeric':
      return numeric(operand, place);
    case 'anything-but':
      return anythingBut(operand, place);
    default:
      throw new UnknownPattern(place, `unknown operator "${operator}"`);
  }
}

/** The one operator of `{ "<operator>": operand }`. */
export function theOperator(element: unknown, place: string): [string, unknown] {
  const entries =
    typeof element === 'object' && element !== null && !Array.isArray(element) ? Object.entries(element) : [];
  if (entries.length !== 1) {
    throw new UnknownPattern(place, `wanted a value or an object with one operator, got ${JSON.stringify(element)}`);
  }
  return entries[0]!;
}

const isPlain = (value: unknown): boolean => value === null || ['string', 'number', 'boolean'].includes(typeof value);

function text(operand: unknown, operator: string, place: string): string {
  if (typeof operand !== 'string') {
    throw new UnknownPattern(place, `"${operator}" wants a string, got ${JSON.stringify(operand)}`);
  }
  return operand;
}

/** `prefix` and `suffix`: a string, or `{ "equals-ignore-case": string }`. Only strings can match. */
function textTest(
  operator: string,
  operand: unknown,
  place: string,
  test: (value: string, wanted: string) => boolean,
): ValueTest {
  if (typeof operand === 'string') return (value) => typeof value === 'string' && test(value, operand);
  const [inner, wanted] = theOperator(operand, place);
  if (inner !== 'equals-ignore-case')
    throw new UnknownPattern(place, `unknown operator "${inner}" within "${operator}"`);
  const lower = text(wanted, inner, place).toLowerCase();
  return (value) => typeof value === 'string' && test(value.toLowerCase(), lower);
}

function sameIgnoringCase(wanted: string): ValueTest {
  const lower = wanted.toLowerCase();
  return (value) => typeof value === 'string' && value.toLowerCase() === lower;
}

/** `*` stands for any run of characters; `\*` and `\\` for themselves; `**` is refused, as EventBridge refuses it. */
function wildcard(pattern: string, place: string): ValueTest {
  let source = '';
  for (let index = 0; index < pattern.length; index++) {
    const character = pattern[index]!;
    if (character === '*') {
      if (pattern[index + 1] === '*') throw new UnknownPattern(place, 'a wildcard may not hold "**"');
      source += '.*';
    } else if (character === '\\') {
      const escaped = pattern[++index];
      if (escaped !== '*' && escaped !== '\\')
        throw new UnknownPattern(place, 'in a wildcard, "\\" goes before "*" or "\\" only');
      source += `\\${escaped}`;
    } else {
      source += character.replace(/[.+?^${}()|[\]/-]/, '\\$&');
    }
  }
  const expression = new RegExp(`^${source}$`, 's');
  return (value) => typeof value === 'string' && expression.test(value);
}

/** `[">", 0, "<=", 5]`: every comparison holds; only JSON numbers can match. */
function numeric(operand: unknown, place: string): ValueTest {
  if (!Array.isArray(operand) || operand.length === 0 || operand.length > 4 || operand.length % 2 === 1) {
    throw new UnknownPattern(place, `"numeric" wants one or two comparisons, got ${JSON.stringify(operand)}`);
  }
  const tests: ((value: number) => boolean)[] = [];
  for (let index = 0; index < operand.length; index += 2) {
    const [sign, limit] = [operand[index] as unknown, operand[index + 1] as unknown];
    if (typeof limit !== 'number')
      throw new UnknownPattern(place, `"numeric" wants a number after ${JSON.stringify(sign)}`);
    tests.push(comparison(sign, limit, place));
  }
  return (value) => typeof value === 'number' && tests.every((test) => test(value));
}

function comparison(sign: unknown, limit: number, place: string): (value: number) => boolean {
  switch (sign) {
    case '=':
      return (value) => value === limit;
    case '<':
      return (value) => value < limit;
    case '<=':
      return (value) => value <= limit;
    case '>':
      return (value) => value > limit;
    case '>=':
      return (value) => value >= limit;
    default:
      throw new UnknownPattern(place, `unknown comparison ${JSON.stringify(sign)} in "numeric"`);
  }
}

/** A value, a list of values, or `{ prefix | suffix | equals-ignore-case | wildcard: string or list of strings }`. */
function anythingBut(operand: unknown, place: string): ValueTest {
  if (typeof operand === 'string' || typeof operand === 'number') return (value) => value !== operand;
  if (Array.isArray(operand)) {
    const kinds = new Set(operand.map((element: unknown) => typeof element));
    if (kinds.size !== 1 || !(kinds.has('string') || kinds.has('number'))) {
      throw new UnknownPattern(
        place,
        `"anything-but" wants strings only or numbers only, got ${JSON.stringify(operand)}`,
      );
    }
    return (value) => !operand.includes(value);
  }
  const [operator, refused] = theOperator(operand, place);
  if (!['prefix', 'suffix', 'equals-ignore-case', 'wildcard'].includes(operator)) {
    throw new UnknownPattern(place, `unknown operator "${operator}" within "anything-but"`);
  }
  const tests = (Array.isArray(refused) ? refused : [refused]).map((one) =>
    valueTest({ [operator]: text(one, operator, place) }, place),
  );
  return (value) => !tests.some((test) => test(value));
}
