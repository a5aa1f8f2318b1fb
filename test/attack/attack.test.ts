import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { attack, describeFindings, isHarmed } from './attack.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.close());

it('ends every hostile input with a name, and leaves its neighbours alone (`npm run attack` tries as many as one likes)', async () => {
  const findings = await attack(db.writerUrl, db.admin, 260, 1);
  expect(isHarmed(findings) ? `${describeFindings(findings)}\n${findings.examples.join('\n')}` : 'unharmed').toBe(
    'unharmed',
  );
  expect(Object.values(findings.classes).map(({ tried }) => tried)).toEqual(Array(13).fill(20));
  expect(findings.neighbours).toBeGreaterThan(20);
}, 180_000);
