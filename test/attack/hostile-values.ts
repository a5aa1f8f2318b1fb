/** Marks what must show nowhere: `@` keeps it from being a word, so no log line, metric, attribute or terminal may hold it. */
export const CANARY = 'CANARY@';

/** Personal data and keys: these must not even be stored. */
export const SECRET = `${CANARY}secret`;

/** Characters that end texts, lines, statements, pages and encodings. Each stands in a text with a canary in it. */
export const characters = [
  '\u0000',
  '\ud800',
  '\udc00\ud800',
  '\u001b[2J\u001b]0;pwned\u0007',
  '\u009b31m',
  '\r\nReady: http://evil.example\n',
  '\u2028\u2029',
  '\u202e\u2066',
  '\u200b\ufeff',
  '\u0085\u007f',
  '😀',
  '\ufffd\ufffc',
  'e\u0301'.repeat(50),
  "'; drop schema billing cascade; --",
  '$1 %s %n {} {{7*7}} $(id) `id`',
  '<script>fetch("/replay")</script>',
  '\\u0000 \\x00 \\',
  '"}],"outcome":"applied"',
  ' ',
  '\t',
];

export const lengths = [0, 1, 39, 40, 41, 64, 65, 200, 255, 256, 500, 501, 1000, 2704, 2705, 8191, 20_000, 100_000];

export const numbers = [
  0,
  -0,
  -1,
  1.5,
  2 ** 31 - 1,
  2 ** 31,
  -(2 ** 31) - 1,
  2 ** 32,
  253_402_300_799,
  253_402_300_800,
  8_640_000_000_000,
  8_640_000_000_001,
  8_650_000_000_000,
  10 ** 13,
  2 ** 53 - 1,
  -(2 ** 53) + 1,
  2 ** 53,
  2 ** 63,
  10 ** 21,
  1e-7,
  1.7976931348623157e308,
  -62_135_596_801,
  -210_866_803_201,
];

/** Not what JSON.stringify would write, but what a parser takes. */
export const rawNumbers = ['1e400', '-1e400', '1E+2', '0.1e-400', '123456789012345678901234567890', '-0'];

export const times = [
  '',
  'now',
  '0000-01-01T00:00:00Z',
  '1969-12-31T23:59:59Z',
  '9999-12-31T23:59:59Z',
  '10000-01-01T00:00:00Z',
  '+275760-09-13T00:00:00.001Z',
  '2026-02-30T10:00:00Z',
  '2026-11-20T24:00:00Z',
  '2026-11-20T23:59:60Z',
  '2026-11-20T10:00:00+15:59',
  '2026-11-20T10:00:00+23:59',
  '2026-11-20T10:00:00.123456789123456789Z',
  `2026-11-20T10:00:00.${'1'.repeat(5000)}Z`,
  '2026-11-20 10:00:00',
  'infinity',
  'epoch',
  '294276-12-31 BC',
  `2026-11-20T10:00:00Z${CANARY}`,
];

export const values: unknown[] = [
  null,
  true,
  false,
  0,
  '',
  ' ',
  '0',
  'null',
  'true',
  [],
  {},
  [null],
  [[]],
  [{}],
  { id: null },
  { id: [] },
  { id: {} },
  { id: { id: 'x' } },
  { toString: 'x' },
  { valueOf: 1 },
  { length: 1e9 },
  { $ref: '#' },
  ['cus_1', 'cus_2'],
  { [SECRET]: SECRET },
];

export const dangerousKeys = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'valueOf',
  'toJSON',
  'hasOwnProperty',
  'then',
  'length',
  '__defineGetter__',
];
