import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { alarmStates } from '../local/cloudwatch/alarm-states.ts';
import { dashboardPage } from '../local/cloudwatch/dashboard-page.ts';
import { MetricHistory, type Series } from '../local/cloudwatch/metric-history.ts';
import { type StackDashboard, statesByArn, synthesiseDashboard } from '../local/cloudwatch/stack-dashboard.ts';
import { startBrowser } from '../test/support/browser.ts';
import { measureLocalRun, metricsFrom } from './dashboard/local-run.ts';
import { sampleMetrics } from './dashboard/sample.ts';

const usage = `npm run dashboard -- [--from <address> | --sample] [--out <folder>] [--no-png]

Draws the dashboard of the synthesised stack, with the metrics of a local run in it, before anything is deployed.
  (neither)         runs the demonstration and draws what it measured
  --from <address>  draws what a local run that is going on measured, e.g. http://127.0.0.1:4000
  --sample          draws made-up metrics
  --out <folder>    where dashboard.html and dashboard.png go (default docs/images; the page goes to .local)
  --no-png          only the page: needs no browser. Else Chromium, /usr/bin/chromium or the one that CHROMIUM_PATH names`;

const { values: options } = parseArgs({
  options: {
    from: { type: 'string' },
    sample: { type: 'boolean', default: false },
    out: { type: 'string', default: 'docs/images' },
    'no-png': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (options.help) {
  console.log(usage);
} else {
  const stack = await synthesiseDashboard();
  const history = new MetricHistory(await measured(stack));
  const page = dashboardPage(stack.widgets, {
    name: stack.name,
    source: sourceOf(history),
    history,
    alarms: statesByArn(stack.alarms, alarmStates(stack.alarms, history, history.span)),
  });
  mkdirSync('.local', { recursive: true });
  const file = join('.local', 'dashboard.html');
  writeFileSync(file, page);
  console.log(`Page: ${file}`);
  if (!options['no-png']) console.log(`Picture: ${await photograph(page, options.out)}`);
}

function measured(stack: StackDashboard): Promise<Series[]> | Series[] {
  if (options.sample) return sampleMetrics(stack.name.replace(/-stripe-.*$/, '/stripe'), 'dev');
  return options.from ? metricsFrom(options.from) : measureLocalRun();
}

function sourceOf(history: MetricHistory): string {
  const seconds = Math.round((history.span.toMs - history.span.fromMs) / 1000);
  const what = options.sample
    ? 'made-up metrics'
    : options.from
      ? 'metrics of a local run'
      : 'metrics of the demonstration, its injected outage included';
  return `${what}, ${seconds} s long: numbers and alarms take it as one period, graphs as the dashboard's whole range`;
}

/** One picture of the whole page, 1920 wide as on a common screen. */
async function photograph(page: string, folder: string): Promise<string> {
  const browser = await startBrowser();
  try {
    const tab = await browser.newPage({ viewport: { width: 1920, height: 1080 } });
    await tab.setContent(page);
    mkdirSync(folder, { recursive: true });
    const file = join(folder, 'dashboard.png');
    await tab.screenshot({ path: file, fullPage: true });
    return file;
  } finally {
    await browser.close();
  }
}
