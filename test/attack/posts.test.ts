import { attackPosts, describePosts, isPostHarmed } from './posts.ts';

it('reads or refuses every hostile post, settles what it read, and stays up for the healthy ones', async () => {
  const found = await attackPosts(104, 1);
  expect(isPostHarmed(found) ? `${describePosts(found)}\n${found.examples.join('\n')}` : 'unharmed').toBe('unharmed');
  expect([found.tried, found.neighbours]).toEqual([104, 13]);
  expect(found.settled).toBe(found.taken + found.neighbours);
}, 300_000);
