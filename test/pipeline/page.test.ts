import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { browserPath, startBrowser } from '../support/browser.ts';
import { LONGEST_START_MS, type LocalRun, startLocalRun } from './local-run.ts';

/** As much of an element as a test measures. */
type Sized = { scrollWidth: number; clientWidth: number };

let run: LocalRun;
let browser: Browser;
let page: Page;
const problems: string[] = [];
const foreign: string[] = [];

// `npm test` must pass where there is only Node and npm, and npm has no Chromium. What is skipped is said; in CI it is an error.
if (!browserPath() && !process.env.CI) {
  console.warn('SKIPPED: the tests of the local page need Chromium: `apt-get install chromium`, or set CHROMIUM_PATH.');
}
const inBrowser = browserPath() || process.env.CI ? describe : describe.skip;

inBrowser('in a browser', () => {
  beforeAll(async () => {
    [run, browser] = await Promise.all([startLocalRun(['--no-demo', '--port', '0']), startBrowser()]);
    page = await browser.newPage({ viewport: { width: 1440, height: 1000 } });
    page.on('pageerror', (error) => problems.push(String(error)));
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
    page.on(
      'request',
      (request) =>
        !request.url().startsWith(run.url) && !request.url().startsWith('data:') && foreign.push(request.url()),
    );
    await page.goto(run.url);
  }, LONGEST_START_MS);

  afterAll(async () => {
    await browser?.close();
    await run?.stop();
  });

  const health = (word: string | RegExp) => page.locator('#health').filter({ hasText: word }).waitFor();
  const row = (user: string) => page.locator('#plans tr').filter({ hasText: user });

  describe('the local page', () => {
    it('shows the way of an event, from Stripe to the apps, as the template has it', async () => {
      await health('all settled');
      for (const name of [
        'Stripe',
        'Partner bus',
        'queue payments',
        'queue billing',
        'queue audit.fifo',
        'billing function',
        'Postgres',
        'S3',
        'App bus',
      ]) {
        await page.locator('.node strong').getByText(name, { exact: true }).waitFor();
      }
      expect(await page.locator('#wires path').count()).toBe(11);
      await page.getByText('Nobody has a plan yet').waitFor();
    });

    it('lets a customer live at the press of a key, and shows their plan', async () => {
      await page.keyboard.press('c');
      await row('ada1').getByText('PREMIUM', { exact: true }).waitFor();
      await health('all settled');
      expect(await page.locator('#done').textContent()).toMatch(/signed up, paid three months; 32 events/);
      expect(await page.locator('#sums').textContent()).toBe('32 posted · 32 settled · 32 audited');
    });

    it('brings a shuffled life to the same end', async () => {
      await page.getByRole('button', { name: 'One more, shuffled' }).click();
      await row('ben2').getByText('active').waitFor();
      await health('all settled');
      expect(await row('ben2').locator('.tier').textContent()).toBe('PREMIUM');
    });

    it('kills Postgres, shows what waits, starts it again, and heals', async () => {
      await page.keyboard.press('o');
      await health('Postgres is down');
      await page.keyboard.press('c');
      await health(/[1-9]\d* events wait/);
      await page.locator('.node.down').getByText('killed').waitFor();
      await page.getByRole('button', { name: 'Start Postgres' }).click();
      await row('cho3').getByText('trialing').waitFor();
      await health('all settled');
    }, 60_000);

    it('counts duplicates, a poisoned event and a replay where they belong', async () => {
      const applied = await page.locator('#count-applied').textContent();
      await page.keyboard.press('d');
      await page
        .locator('#count-duplicate')
        .filter({ hasText: /^[1-9]/ })
        .waitFor();
      await page.keyboard.press('x');
      await page.locator('#count-parked').filter({ hasText: '1' }).waitFor();
      await page.locator('.dead-letters').filter({ hasText: '1 dead letter' }).waitFor();
      await health('all settled');
      await page.keyboard.press('r');
      await page.locator('#replayed-duplicate').filter({ hasText: /[1-9]/ }).waitFor();
      await health('all settled');
      expect(await page.locator('#replayed-applied').textContent()).toBe('↻ 0');
      expect(await page.locator('#count-applied').textContent()).toBe(applied);
    }, 60_000);

    it('shows why it was parked in full, and the alarm that would ring, with its own words', async () => {
      await page.keyboard.press('x');
      const parked = page.locator('#log li').filter({ hasText: 'parked' }).first();
      const text = parked.locator('span');
      expect(await text.textContent()).toMatch(/customer\.subscription\.\w+ evt_\S+_poison \(.+items.*\)/);
      const { scrollWidth, clientWidth } = await text.evaluate(({ scrollWidth, clientWidth }: Sized) => ({
        scrollWidth,
        clientWidth,
      }));
      expect(scrollWidth).toBe(clientWidth);
      await page
        .locator('#alarms li')
        .filter({ hasText: /failed/ })
        .first()
        .waitFor();
      expect(await page.locator('#alarms').textContent()).toMatch(/docs\/runbooks\/\S+\.md/);
    });

    it('lists plan events, each to open as the apps get it', async () => {
      const first = page.locator('#plan-events li').first();
      await first.locator('summary').click();
      const shown = JSON.parse((await first.locator('pre').textContent())!);
      expect(shown).toMatchObject({ user_id: expect.any(String) });
      expect(await page.locator('#forward').textContent()).toBe('on the app bus');
    });

    it('runs a schedule of the template at the press of a button, and says how it went', async () => {
      await page.getByRole('button', { name: 'Run reconcile now' }).click();
      await page.locator('#done').filter({ hasText: 'huntaze-stripe-reconcile-dev failed' }).waitFor();
      await page.locator('#log li').filter({ hasText: 'huntaze-stripe-reconcile-dev' }).first().waitFor();
    });

    it('says of types that only the audit takes that they are no outcome', async () => {
      const payout = { id: 'evt_po', type: 'payout.paid', created: 1_790_000_000, data: { object: {} } };
      await run.post([payout]);
      await page
        .locator('#aside')
        .filter({ hasText: /[1-9]\d* more of types that only the audit trail takes/ })
        .waitFor();
    });

    it('pauses and resumes a function', async () => {
      await page.keyboard.press('p');
      await health('billing paused');
      await page.getByRole('button', { name: 'Resume billing' }).click();
      await health('all settled');
    });

    it('can be walked with the keyboard alone, each button showing that it is meant', async () => {
      const names: string[] = [];
      await page.locator('#faults button').first().focus();
      // There and back: a browser shows the focus only to whoever uses the keyboard.
      await page.keyboard.press('Tab');
      await page.keyboard.press('Shift+Tab');
      for (let step = 0; step < 9; step++) {
        if (step > 0) await page.keyboard.press('Tab');
        names.push(await page.evaluate(`document.activeElement.textContent`));
        expect(await page.evaluate(`getComputedStyle(document.activeElement).outlineStyle`)).toBe('solid');
      }
      expect(names).toEqual([
        'One more customerC',
        'One more, shuffledS',
        'Deliver the last 50 againD',
        'PoisonX',
        'Kill PostgresO',
        'Pause billingP',
        'Replay everythingR',
        'Run reconcile now',
        'Run clock now',
      ]);
    });

    it.each(['light', 'dark'] as const)('is readable in %s: text stands out from its ground', async (scheme) => {
      await page.emulateMedia({ colorScheme: scheme });
      const ratios = (await page.evaluate(
        contrastOf(['h1', '.node small', '#sums', 'th', '.tier', '.outcomes dt', 'button', '#done', 'footer']),
      )) as Record<string, number>;
      const weak = Object.entries(ratios).filter(([, ratio]) => ratio < 4.5);
      expect(weak).toEqual([]);
      const folder = join(import.meta.dirname, '../../.local');
      mkdirSync(folder, { recursive: true });
      await page.screenshot({ path: join(folder, `page-${scheme}.png`) });
    });

    it('serves the dashboard of the stack with what the run measured, and keeps it fresh', async () => {
      const dashboard = await browser.newPage({ viewport: { width: 1920, height: 1080 } });
      dashboard.on('pageerror', (error) => problems.push(String(error)));
      await dashboard.goto(`${run.url}/dashboard`);
      await dashboard.locator('header b').getByText('huntaze-stripe-dev').waitFor();
      expect(await dashboard.locator('section.metric').count()).toBeGreaterThan(10);
      expect(await dashboard.locator('li.ALARM').allTextContents()).toContainEqual(expect.stringMatching(/failed/));
      const before = await dashboard.locator('header span').first().textContent();
      await dashboard.locator('header').filter({ hasNotText: before! }).waitFor();
      const folder = join(import.meta.dirname, '../../.local');
      mkdirSync(folder, { recursive: true });
      await dashboard.screenshot({ path: join(folder, 'dashboard-live.png'), fullPage: true });
      await dashboard.close();
    });

    it('says so when the run is gone, and asked nobody else for anything', async () => {
      expect([problems, foreign]).toEqual([[], []]);
      await run.stop();
      await page.getByText('The local run does not answer').waitFor();
    });
  });

  /** In the page: the contrast (WCAG 2) of the weakest element of each selector, against the nearest ground that is painted. */
  function contrastOf(selectors: string[]): string {
    return `(() => {
    const rgb = (colour) => { const canvas = new OffscreenCanvas(1, 1).getContext('2d'); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
    const light = (colour) => rgb(colour).slice(0, 3).map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)).reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
    const ground = (node) => { for (let at = node; at; at = at.parentElement) { const colour = getComputedStyle(at).backgroundColor; if (rgb(colour)[3] === 255) return colour; } return 'white'; };
    const contrast = (node) => { const [one, other] = [light(getComputedStyle(node).color), light(ground(node))]; return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05); };
    return Object.fromEntries(${JSON.stringify(selectors)}.map((selector) => [selector, Math.min(...[...document.querySelectorAll(selector)].map(contrast))]));
  })()`;
  }
});
