import { readMigrations } from '../../adapters/postgres/migrations.ts';
import { mutate, mutations } from './mutations.ts';

const migrations = readMigrations()
  .map(({ sql }) => sql)
  .join('\n');

// That each of them is noticed, `npm run prove:mutations` shows; it takes some minutes.
it.each(mutations.filter(({ from }) => from !== ''))('can still break this: $name', (mutation) => {
  expect(mutate(mutation, migrations)).not.toBe(migrations);
});
