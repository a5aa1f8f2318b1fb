import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { examples } from './examples.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(() => database.close());

it.each(examples)('once found: $name', ({ hold }) => hold(database));
