import { readLinks } from '../../ops/link/links-file.ts';

it('reads users and customers, with a heading, quotes and empty lines or without', () => {
  expect(readLinks('user_id,customer_id\r\nu1,cus_1\r\n\r\n"u 2" , "cus_2"\nu1,cus_3\n')).toEqual([
    { user_id: 'u1', customer_id: 'cus_1' },
    { user_id: 'u 2', customer_id: 'cus_2' },
    { user_id: 'u1', customer_id: 'cus_3' },
  ]);
});

it.each([
  ['cus_1,u1', /line 1: got "cus_1,u1", wanted user_id,customer_id/],
  ['u1,cus_1\nu1', /line 2: got "u1"/],
  [',cus_1', /line 1/],
  ['u1,cus_1,more', /line 1/],
  ['u1,cus_1\nu2,cus_1', /line 2: cus_1 is u1's in a line before, and u2's here/],
  ['user_id,customer_id\n', /There is no link in it/],
])('refuses %j', (text, message) => {
  expect(() => readLinks(text)).toThrow(message);
});
