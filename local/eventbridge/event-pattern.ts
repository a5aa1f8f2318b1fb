import { theOperator, UnknownPattern, type ValueTest, valueTest } from './pattern-operators.ts';

/** Says whether an event matches the pattern it was made from. */
export type Matches = (event: object) => boolean;

/** What the pattern says of one field: some value passes a test, or the field is absent. */
interface FieldTest {
  path: string[];
  tests: ValueTest[];
  /** `exists: true` */
  present: boolean;
  /** `exists: false` */
  absent: boolean;
}

/** Fields that must all match. A pattern is one or several of these, because of `$or`. */
type Alternative = FieldTest[];

/** One leaf of an event, with the elements of arrays that it was reached through: array's place → element's index. */
interface Leaf {
  value: unknown;
  elements: ReadonlyMap<string, number>;
}

/**
 * A pattern of an EventBridge rule, ready to try on events.
 *
 * Every field named must match; a field matches when one of its values passes one of the tests in the pattern's array. Values that
 * come from arrays of objects must come from the same element, as in EventBridge.
 * @throws {UnknownPattern} for whatever EventBridge's documentation does not describe.
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html
 */
export function compilePattern(pattern: unknown): Matches {
  const alternatives = readObject(pattern, []);
  return (event) => alternatives.some((fields) => matchesFrom(event, fields, 0, new Map()));
}

/** Reserved inside `$or`: with these as field names, `$or` is an ordinary field. */
const OPERATORS = new Set([
  'prefix',
  'suffix',
  'equals-ignore-case',
  'wildcard',
  'numeric',
  'anything-but',
  'exists',
  'cidr',
]);

function readObject(pattern: unknown, path: string[]): Alternative[] {
  if (typeof pattern !== 'object' || pattern === null || Array.isArray(pattern)) {
    throw new UnknownPattern(placeOf(path), `wanted an object, got ${JSON.stringify(pattern)}`);
  }
  if (Object.keys(pattern).length === 0) throw new UnknownPattern(placeOf(path), 'an empty object matches nothing');
  let alternatives: Alternative[] = [[]];
  for (const [name, value] of Object.entries(pattern)) {
    const readings = isOr(name, value)
      ? value.flatMap((branch) => readObject(branch, path))
      : Array.isArray(value)
        ? [[readField(value, [...path, name])]]
        : readObject(value, [...path, name]);
    alternatives = alternatives.flatMap((alternative) => readings.map((reading) => [...alternative, ...reading]));
  }
  return alternatives;
}

function isOr(name: string, value: unknown): value is object[] {
  return (
    name === '$or' &&
    Array.isArray(value) &&
    value.length > 1 &&
    value.every((branch) => typeof branch === 'object' && branch !== null && !Array.isArray(branch)) &&
    !value.some((branch) => Object.keys(branch).some((key) => OPERATORS.has(key)))
  );
}

function readField(elements: unknown[], path: string[]): FieldTest {
  const place = placeOf(path);
  if (elements.length === 0) throw new UnknownPattern(place, 'an empty array matches nothing');
  const field: FieldTest = { path, tests: [], present: false, absent: false };
  for (const element of elements) {
    if (typeof element === 'object' && element !== null && 'exists' in element) {
      const [, wanted] = theOperator(element, place);
      if (typeof wanted !== 'boolean') throw new UnknownPattern(place, '"exists" wants true or false');
      field[wanted ? 'present' : 'absent'] = true;
    } else {
      field.tests.push(valueTest(element, place));
    }
  }
  return field;
}

const placeOf = (path: string[]): string => (path.length === 0 ? 'its top' : `"${path.join('.')}"`);

/** Tries the fields from `index` on, keeping to the array elements that the fields before were found in. */
function matchesFrom(
  event: object,
  fields: Alternative,
  index: number,
  elements: ReadonlyMap<string, number>,
): boolean {
  const field = fields[index];
  if (!field) return true;
  const leaves = leavesAt(event, field.path).filter((leaf) => consistent(leaf.elements, elements));
  if (leaves.length === 0) return field.absent && matchesFrom(event, fields, index + 1, elements);
  return leaves.some(
    (leaf) =>
      (field.present || field.tests.some((test) => test(leaf.value))) &&
      matchesFrom(event, fields, index + 1, new Map([...elements, ...leaf.elements])),
  );
}

function consistent(one: ReadonlyMap<string, number>, other: ReadonlyMap<string, number>): boolean {
  for (const [place, index] of one) {
    if (other.has(place) && other.get(place) !== index) return false;
  }
  return true;
}

/** Every leaf at a path. An object is no leaf, so `exists` does not see it; an array counts by its elements. */
function leavesAt(
  value: unknown,
  path: string[],
  place = '',
  elements: ReadonlyMap<string, number> = new Map(),
): Leaf[] {
  if (Array.isArray(value)) {
    // The elements of an array of plain values are alternatives of one field; only objects tie several fields together.
    return value.flatMap((element, index) =>
      leavesAt(element, path, place, isObject(element) ? new Map([...elements, [place, index]]) : elements),
    );
  }
  if (isObject(value)) {
    const [name, ...rest] = path;
    if (name === undefined || !Object.hasOwn(value, name)) return [];
    return leavesAt((value as Record<string, unknown>)[name], rest, `${place}.${name}`, elements);
  }
  return path.length === 0 ? [{ value, elements }] : [];
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
