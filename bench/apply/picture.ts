import { figure, median } from '../table.ts';
import type { ApplyResult } from './result.ts';

const BAR = 26;
const GAP = 12;
const LEFT = 250;
const WIDTH = 560;

const names = {
  floor: 'floor: the least',
  reference: 'stripe-sync-engine',
  ours: 'ours',
  before: 'ours, before',
} as const;

/** Microseconds of processor for each event, of the process and of Postgres, as an SVG: short is good. Messages one by one at eight in flight, and a batch of ten. */
export function applyPicture(results: readonly ApplyResult[]): string {
  const shown = results.filter(
    ({ setting }) => setting.away === 0 && (setting.batch > 1 ? setting.inFlight === 1 : setting.inFlight === 8),
  );
  const bars = shown.map(({ setting, runs }) => ({
    label: `${names[setting.system]}${setting.batch > 1 ? ', in tens' : ''}`,
    process: median(runs.map(({ process }) => process)),
    postgres: median(runs.map(({ postgres }) => postgres)),
  }));
  const most = Math.max(...bars.map(({ process, postgres }) => process + postgres));
  const scale = (value: number) => Math.round((value / most) * WIDTH);
  const height = 60 + bars.length * (BAR + GAP);
  const rows = bars.map(({ label, process, postgres }, n) => {
    const y = 50 + n * (BAR + GAP);
    return `  <text x="${LEFT - 12}" y="${y + 18}" text-anchor="end">${label}</text>
  <rect x="${LEFT}" y="${y}" width="${scale(process)}" height="${BAR}" fill="#8a63d2"/>
  <rect x="${LEFT + scale(process)}" y="${y}" width="${scale(postgres)}" height="${BAR}" fill="#2f81c7"/>
  <text x="${LEFT + scale(process) + scale(postgres) + 8}" y="${y + 18}">${figure(process + postgres)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${LEFT + WIDTH + 90} ${height}" font-family="system-ui, sans-serif" font-size="15" fill="#24292f" role="img" aria-label="Microseconds of processor for each event, by system">
  <rect width="100%" height="100%" fill="#ffffff"/>
  <text x="${LEFT}" y="26" font-weight="600">Microseconds of processor for each event: <tspan fill="#8a63d2">process</tspan> + <tspan fill="#2f81c7">Postgres</tspan></text>
${rows.join('\n')}
</svg>
`;
}
