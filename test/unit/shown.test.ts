import { plainWord, printable, printableData, printableLines, wordOrLength } from '../../core/shown.ts';

it('takes ids and words for logs, and of anything else only how long it is', () => {
  for (const word of ['evt_1Pq', 'customer.subscription.updated', 'aws.partner/stripe.com/ed_1', 'reconcile-1'])
    expect(wordOrLength(word)).toBe(word);
  for (const text of ['jenny@example.com', 'Jenny Rosen', '', 'evt_1\n', 'a'.repeat(256), '\u001b[2J'])
    expect(wordOrLength(text)).toBe(`(a text of ${text.length} characters)`);
  for (const other of [null, undefined, 5, {}, ['evt_1']]) expect(plainWord(other)).toBeUndefined();
});

it('shows a text from outside on one line, with nothing in it that moves, hides or turns', () => {
  expect(printable('a\u001b[2Jb\r\nReady: http://evil\u0007')).toBe('a\\u001b[2Jb\\r\\nReady: http://evil\\u0007');
  expect(printable('\u009b31m \u202e \u2066 \u200b \ufeff \u2028 \ud800 \u0000 \u007f')).toBe(
    '\\u009b31m \\u202e \\u2066 \\u200b \\ufeff \\u2028 \\ud800 \\u0000 \\u007f',
  );
  expect(printable('Zoë 😀 "한" → …')).toBe('Zoë 😀 "한" → …');
  expect(printable('x'.repeat(1001))).toBe(`${'x'.repeat(1000)}… (1001 characters)`);
});

it('shows data so, keys and all, and leaves what is no plain data', () => {
  const since = new Date(0);
  expect(printableData({ 'a\n': ['b\u001b', 5, null, { c: 'd\u0085' }], since })).toEqual({
    'a\\n': ['b\\u001b', 5, null, { c: 'd\\u0085' }],
    since,
  });
});

it('lets lines and our own colours through to the terminal, and nothing else', () => {
  const ours = '\u001b[1mbold\u001b[22m\n\u001b[31mred\u001b[39m';
  expect(printableLines(ours)).toBe(ours);
  expect(printableLines('\u001b[8mhidden\u001b[2J\u001b]0;title\u0007\rover\u202e')).toBe(
    '\\u001b[8mhidden\\u001b[2J\\u001b]0;title\\u0007\\rover\\u202e',
  );
});

it('keeps JSON the same JSON', () => {
  const answer = { name: '\u202e\u009b\u2028 \u{e0001}' };
  expect(JSON.parse(printableLines(JSON.stringify(answer)))).toEqual(answer);
});
