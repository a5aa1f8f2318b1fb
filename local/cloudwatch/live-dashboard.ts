import { dashboardPage } from './dashboard-page.ts';
import { liveAlarmStates } from './live-alarms.ts';
import { MetricHistory } from './metric-history.ts';
import type { MetricStore } from './metric-store.ts';
import { type StackDashboard, statesByArn } from './stack-dashboard.ts';

/** Long enough to see what led here, short enough that a minute shows. */
const SHOWN_MS = 15 * 60_000;

/** The stack's dashboard with what the run has measured until now; its script fetches it anew. */
export function liveDashboardPage({ name, widgets, alarms }: StackDashboard, metrics: MetricStore): string {
  const now = Date.now();
  const series = metrics.all(now - SHOWN_MS);
  const firstMs = series
    .flatMap(({ points }) => (points[0] ? [Date.parse(points[0].at)] : []))
    .reduce((one, other) => Math.min(one, other), now);
  const seconds = Math.ceil((now - firstMs) / 1000);
  return dashboardPage(widgets, {
    name,
    source: `live: numbers and graphs of the last ${seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`}, alarms of the last minute`,
    history: new MetricHistory(series, { fromMs: firstMs, toMs: now + 1000 }),
    alarms: statesByArn(alarms, liveAlarmStates(alarms, metrics, now)),
    script: '/page/dashboard.js',
  });
}
