import { existsSync } from 'node:fs';
import { chromium, type LaunchOptions } from 'playwright-core';

const places = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** The machine's own Chromium or Chrome, or the one that CHROMIUM_PATH names; undefined when there is none. */
export const browserPath = (): string | undefined =>
  process.env.CHROMIUM_PATH ?? places.find((place) => existsSync(place));

/**
 * How to launch it: headless, talking to nobody but the page.
 * @throws {Error} saying what to install, when there is none.
 */
export function browserOptions(): LaunchOptions {
  const executablePath = browserPath();
  if (!executablePath) throw new Error('No Chromium here: `apt-get install chromium`, or set CHROMIUM_PATH.');
  return {
    executablePath,
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  };
}

export const startBrowser = () => chromium.launch(browserOptions());
