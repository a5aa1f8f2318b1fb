/**
 * Takes the README's picture of the local page: the demonstration just after its outage, while what waited heals.
 *
 * Run it with Chromium on the machine: `node scripts/local-page.ts`.
 */
import { join } from 'node:path';
import { startLocalRun } from '../test/pipeline/local-run.ts';
import { startBrowser } from '../test/support/browser.ts';

const picture = join(import.meta.dirname, '../docs/images/local-page.png');

const run = await startLocalRun(['--port', '0']);
const browser = await startBrowser();
try {
  const page = await browser.newPage({
    viewport: { width: 1440, height: 940 },
    colorScheme: 'light',
    deviceScaleFactor: 1,
  });
  await page.goto(run.url);
  await page.locator('#health').filter({ hasText: 'Postgres is down' }).waitFor();
  await page
    .locator('#health')
    .filter({ hasText: /working, \d+ wait/ })
    .waitFor();
  await page.waitForTimeout(1900);
  await page.screenshot({ path: picture });
} finally {
  await browser.close();
  await run.stop();
}
