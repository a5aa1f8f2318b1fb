/**
 * How text that came from outside may be shown: events, queues' attributes, answers of other services. Somebody wrote it, perhaps to be
 * taken for something else: a line of ours, a colour, a cursor that moves, a number that is a text.
 */

/**
 * An id or a word of Stripe's as it may stand in a log line, a queue attribute or a metric; undefined for any other text, which may be
 * personal data, a secret somebody put in the wrong field, or made to look like something else.
 */
export const plainWord = (value: unknown): string | undefined =>
  typeof value === 'string' && /^[\w./-]{1,255}$/.test(value) ? value : undefined;

/** {@link plainWord}, or how long the text was that is none. */
export const wordOrLength = (value: string): string => plainWord(value) ?? `(a text of ${value.length} characters)`;

/** Control characters, those that turn or hide what follows, ends of lines, halves of surrogate pairs. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;
const NAMED: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** As JSON writes them, so that JSON stays the same JSON. */
const escaped = (character: string): string =>
  NAMED[character] ??
  character
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('');

/** Text from outside as a terminal may show it: on one line, every character seen, at most `longest` of them. */
export function printable(text: string, longest = 1000): string {
  const shown = text.slice(0, longest).replace(UNSEEN, escaped);
  return text.length > longest ? `${shown}… (${text.length} characters)` : shown;
}

/** Every text in `data`, its keys too, as {@link printable} has it, whatever its length; what is no plain object stays as it is. */
export function printableData<Data>(data: Data): Data {
  if (typeof data === 'string') return printable(data, data.length) as Data;
  if (Array.isArray(data)) return data.map(printableData) as Data;
  if (typeof data !== 'object' || data === null || Object.getPrototypeOf(data) !== Object.prototype) return data;
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [printable(key), printableData(value)])) as Data;
}

/** Bold, dim and the colours that we write ourselves; none that hides. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: a colour begins with the escape character
const OUR_COLOURS = /(\u001b\[(?:0|1|2|22|3\d|9\d)m)/;

/** What our own code is about to show, in lines and colours: the last look before a terminal gets it. */
export const printableLines = (text: string): string =>
  text
    .split(OUR_COLOURS)
    .map((part, index) =>
      index % 2 === 1 ? part : part.replace(UNSEEN, (character) => (character === '\n' ? '\n' : escaped(character))),
    )
    .join('');
