import { readOneEvent } from '../../local/http/posted-lines.ts';

async function* body(text: string) {
  yield Buffer.from(text);
}

it.each([
  `${'['.repeat(50_000)}${']'.repeat(50_000)}`,
  `{"id":"evt_1","type":"x","created":1,"data":{"object":${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}}}`,
])('refuses what is nested too deeply to be written again, with the reason', async (text) => {
  await expect(readOneEvent(body(text))).rejects.toThrow(
    'line 1: (the whole): wanted at most 1000 levels of objects and lists in each other',
  );
});

it('takes a long event that is flat', async () => {
  const event = { id: 'evt_1', type: 'x', created: 1, data: { object: { list: Array(5000).fill([1]) } } };
  expect(await readOneEvent(body(JSON.stringify(event)))).toEqual(event);
});
