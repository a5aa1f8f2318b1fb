import { databaseError } from '../../adapters/postgres/pool.ts';

const refused = (code: string) =>
  databaseError(Object.assign(new Error('what Postgres says: jenny@example.com'), { code }));

it.each(['22P05', '22003', '23514', '54000', '54001', 'P0001', '42804'])('%s can never be applied', (code) => {
  expect(refused(code)).toMatchObject({ retry: 'never', code: `database_${code}` });
});

it.each(['08006', '53300', '57014', '40001', '40P01', '55P03', '28P01', 'XX000'])('%s heals', (code) => {
  expect(refused(code)).toMatchObject({ retry: 'later', code: `database_${code}` });
});

it.each(['3F000', '42501', '42703', '42883', '42P01', '42P02'])('%s waits for the migration, and says so', (code) => {
  expect(refused(code)).toMatchObject({
    retry: 'later',
    code: `database_${code}`,
    message: expect.stringMatching(/Is a migration missing\? `ops migrate` says$/),
  });
});

it('does not quote a value that the database refused', () => {
  for (const code of ['22P02', '23505', '54000']) expect(refused(code).message).not.toContain('jenny');
});
