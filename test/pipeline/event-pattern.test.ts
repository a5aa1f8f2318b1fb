import { compilePattern } from '../../local/eventbridge/event-pattern.ts';

/** Expected by hand, from the documented semantics: docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html */
const event = {
  source: 'aws.partner/stripe.com/ed_local',
  'detail-type': 'invoice.paid',
  resources: ['arn:a', 'arn:b'],
  'replay-name': 'yesterday',
  detail: {
    count: 5,
    price: 0.5,
    empty: '',
    nothing: null,
    live: false,
    file: 'dir/report.png',
    star: 'a*b\\c',
    city: 'Genève',
    inner: { leaf: 'x' },
    none: [],
    mixed: ['x', 7, null],
    items: [
      { name: 'ada', age: 30 },
      { name: 'ben', age: 40, tags: ['old'] },
    ],
  },
};

const matches: [string, object][] = [
  ['an exact string', { 'detail-type': ['invoice.paid'] }],
  ['one of several', { 'detail-type': ['charge.failed', 'invoice.paid'] }],
  ['every field named', { source: ['aws.partner/stripe.com/ed_local'], detail: { count: [5] } }],
  ['a number by its value', { detail: { count: [5.0] } }],
  ['false', { detail: { live: [false] } }],
  ['null', { detail: { nothing: [null] } }],
  ['the empty string', { detail: { empty: [''] } }],
  ['an array that shares an element', { resources: ['arn:b', 'arn:z'] }],
  ['any kind of element of an array', { detail: { mixed: [7] } }],
  ['null within an array', { detail: { mixed: [null] } }],
  ['prefix', { source: [{ prefix: 'aws.partner/stripe.com/' }] }],
  ['prefix, ignoring case', { source: [{ prefix: { 'equals-ignore-case': 'AWS.Partner' } }] }],
  ['suffix', { detail: { file: [{ suffix: '.png' }] } }],
  ['suffix, ignoring case', { detail: { file: [{ suffix: { 'equals-ignore-case': '.PNG' } }] } }],
  ['equals-ignore-case', { detail: { city: [{ 'equals-ignore-case': 'GENÈVE' }] } }],
  ['wildcard in the middle', { detail: { file: [{ wildcard: 'dir/*.png' }] } }],
  ['wildcard for nothing at all', { detail: { file: [{ wildcard: 'dir/report.png*' }] } }],
  ['an escaped star and an escaped backslash', { detail: { star: [{ wildcard: 'a\\*b\\\\c' }] } }],
  ['numeric range', { detail: { count: [{ numeric: ['>', 0, '<=', 5] }] } }],
  ['numeric equality', { detail: { price: [{ numeric: ['=', 5e-1] }] } }],
  ['anything-but a string', { 'detail-type': [{ 'anything-but': 'charge.failed' }] }],
  ['anything-but a list', { 'detail-type': [{ 'anything-but': ['a', 'b'] }] }],
  ['anything-but numbers', { detail: { count: [{ 'anything-but': [1, 2] }] } }],
  ['anything-but a prefix', { source: [{ 'anything-but': { prefix: 'internal.' } }] }],
  ['anything-but a suffix', { detail: { file: [{ 'anything-but': { suffix: '.txt' } }] } }],
  [
    'anything-but, ignoring case',
    { detail: { city: [{ 'anything-but': { 'equals-ignore-case': ['paris', 'rome'] } }] } },
  ],
  ['anything-but a wildcard', { detail: { file: [{ 'anything-but': { wildcard: '*/lib/*' } }] } }],
  ['anything-but, when another element of the array passes', { resources: [{ 'anything-but': 'arn:a' }] }],
  ['exists', { detail: { count: [{ exists: true }] } }],
  ['exists, of null', { detail: { nothing: [{ exists: true }] } }],
  ['absence', { detail: { missing: [{ exists: false }] } }],
  ['absence below an absence', { other: { deep: [{ exists: false }] } }],
  ['absence of a leaf where an object stands', { detail: { inner: [{ exists: false }] } }],
  ['absence or a value', { detail: { missing: ['x', { exists: false }] } }],
  ['a nested field', { detail: { inner: { leaf: ['x'] } } }],
  ['a field of some element of an array of objects', { detail: { items: { name: ['ben'] } } }],
  ['two fields of the same element', { detail: { items: { name: ['ben'], age: [40] } } }],
  ['an array within the same element', { detail: { items: { name: ['ben'], tags: ['old'] } } }],
  ['one branch of $or', { $or: [{ source: ['nobody'] }, { detail: { count: [{ numeric: ['>', 4] }] } }] }],
  [
    '$or below other fields',
    { 'detail-type': ['invoice.paid'], detail: { $or: [{ live: [true] }, { live: [false] }] } },
  ],
  ['a replay', { 'replay-name': [{ exists: true }] }],
];

const misses: [string, object][] = [
  ['another string', { 'detail-type': ['invoice.voided'] }],
  ['a string by its beginning', { 'detail-type': ['invoice'] }],
  ['one field of two', { 'detail-type': ['invoice.paid'], detail: { count: [6] } }],
  ['a number given as a string', { detail: { count: ['5'] } }],
  ['false given as null', { detail: { live: [null] } }],
  ['null given as nothing', { detail: { missing: [null] } }],
  ['another case', { detail: { city: ['genève'] } }],
  ['prefix of a number', { detail: { count: [{ prefix: '5' }] } }],
  ['suffix elsewhere', { detail: { file: [{ suffix: 'report' }] } }],
  ['a dot that is no wildcard', { detail: { file: [{ wildcard: 'dir/report?png' }] } }],
  ['a wildcard that must reach the end', { detail: { file: [{ wildcard: 'dir/*.pn' }] } }],
  ['numeric of a string', { 'detail-type': [{ numeric: ['>', 0] }] }],
  ['outside a range', { detail: { count: [{ numeric: ['>', 5] }] } }],
  ['anything-but the value itself', { 'detail-type': [{ 'anything-but': 'invoice.paid' }] }],
  ['anything-but of an absent field', { detail: { missing: [{ 'anything-but': 'x' }] } }],
  ['anything-but, when no element of the array passes', { resources: [{ 'anything-but': ['arn:a', 'arn:b'] }] }],
  ['exists, of an object', { detail: { inner: [{ exists: true }] } }],
  ['absence of what is there', { 'replay-name': [{ exists: false }] }],
  ['fields of two different elements', { detail: { items: { name: ['ada'], age: [40] } } }],
  ['a tag of another element', { detail: { items: { name: ['ada'], tags: ['old'] } } }],
  ['no branch of $or', { $or: [{ source: ['nobody'] }, { detail: { count: [6] } }] }],
];

const refused: [string, object, RegExp][] = [
  [
    'an operator that EventBridge has and we do not',
    { detail: { ip: [{ cidr: '10.0.0.0/8' }] } },
    /"detail\.ip": unknown operator "cidr"/,
  ],
  ['an operator that nobody has', { source: [{ contains: 'x' }] }, /"source": unknown operator "contains"/],
  ['two operators in one object', { source: [{ prefix: 'a', suffix: 'b' }] }, /one operator/],
  ['a value outside an array', { source: 'x' }, /"source": wanted an object, got "x"/],
  ['an empty array', { source: [] }, /empty array/],
  ['an empty pattern', {}, /empty object/],
  ['no pattern at all', undefined as never, /wanted an object/],
  ['a doubled wildcard', { source: [{ wildcard: 'a**b' }] }, /\*\*/],
  [
    'a prefix that is no string',
    { source: [{ prefix: 5 }] },
    /"source": wanted a value or an object with one operator, got 5/,
  ],
  [
    'a suffix of an unknown kind',
    { source: [{ suffix: { prefix: 'x' } }] },
    /unknown operator "prefix" within "suffix"/,
  ],
  ['a comparison that is none', { detail: { count: [{ numeric: ['~', 1] }] } }, /unknown comparison "~"/],
  ['anything-but of mixed kinds', { source: [{ 'anything-but': ['a', 1] }] }, /strings only or numbers only/],
  [
    'anything-but of an unknown operator',
    { source: [{ 'anything-but': { numeric: ['>', 1] } }] },
    /unknown operator "numeric" within "anything-but"/,
  ],
];

describe('an event pattern', () => {
  it.each(matches)('matches %s', (_what, pattern) => {
    expect(compilePattern(pattern)(event)).toBe(true);
  });

  it.each(misses)('does not match %s', (_what, pattern) => {
    expect(compilePattern(pattern)(event)).toBe(false);
  });

  it.each(refused)('refuses %s, and says where', (_what, pattern, message) => {
    expect(() => compilePattern(pattern)).toThrow(message);
  });
});
