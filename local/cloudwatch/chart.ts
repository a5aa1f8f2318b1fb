import type { TimeWindow } from './metric-history.ts';
import type { Line, Widget } from './widget-lines.ts';

/** The colours CloudWatch gives to lines without one of their own. */
const palette = ['#1f77b4', '#ff7f0e', '#2ca02c', '#d62728', '#9467bd', '#8c564b', '#e377c2', '#7f7f7f'];

export const colorOf = (line: Line, index: number): string => line.color ?? palette[index % palette.length]!;

/** A graph over time: lines with their points, or stacked areas. `points` is how many values stand side by side. */
export function timeChart(
  widget: Widget,
  lines: Line[],
  window: TimeWindow,
  size: { width: number; height: number },
  points: number,
): string {
  const { stacked = false, annotations, yAxis } = widget.properties;
  const shown = lines.filter(({ onlyAws }) => !onlyAws);
  const step = (window.toMs - window.fromMs) / points;
  const buckets = Array.from({ length: points }, (_, index) => ({
    fromMs: window.fromMs + index * step,
    toMs: window.fromMs + (index + 1) * step,
  }));
  const values = shown.map((line) => buckets.map((bucket) => line.valueIn(bucket)));
  const marks = annotations?.horizontal ?? [];
  const highest = stacked
    ? Math.max(0, ...buckets.map((_, index) => values.reduce((total, line) => total + (line[index] ?? 0), 0)))
    : Math.max(0, ...values.flat().map((value) => value ?? 0));
  const top =
    yAxis?.left?.max ??
    niceTop(Math.max(highest * 1.05, ...(highest > 0 ? marks.map(({ value }) => value * 1.1) : [1])));

  const left = 44;
  const right = size.width - 10;
  const floor = size.height - 18;
  const ceiling = 8;
  const x = (index: number) => left + ((index + 0.5) / points) * (right - left);
  const y = (value: number) => floor - (value / top) * (floor - ceiling);
  const round = (value: number) => value.toFixed(1);

  const grid = [0, 0.25, 0.5, 0.75, 1].map(
    (share) =>
      `<line class="grid" x1="${left}" x2="${right}" y1="${round(y(top * share))}" y2="${round(y(top * share))}"/><text class="tick" x="${left - 6}" y="${round(y(top * share) + 3.5)}" text-anchor="end">${shortNumber(top * share)}</text>`,
  );
  const times = [0, 0.5, 1].map(
    (share) =>
      `<text class="tick" x="${round(left + share * (right - left))}" y="${size.height - 4}" text-anchor="${share === 0 ? 'start' : share === 1 ? 'end' : 'middle'}">${clock(window.fromMs + share * (window.toMs - window.fromMs))}</text>`,
  );
  const below = buckets.map(() => 0);
  const drawn = values.map((line, index) => {
    const color = colorOf(shown[index]!, lines.indexOf(shown[index]!));
    if (stacked) {
      const barWidth = Math.max(1.5, ((right - left) / points) * 0.8);
      return line
        .map((value, bucket) => {
          if (!value) return '';
          const base = below[bucket]!;
          below[bucket] = base + value;
          return `<rect x="${round(x(bucket) - barWidth / 2)}" y="${round(y(base + value))}" width="${round(barWidth)}" height="${round(y(base) - y(base + value))}" fill="${color}"/>`;
        })
        .join('');
    }
    const at = line.flatMap((value, bucket) =>
      value === undefined ? [] : [`${round(x(bucket))},${round(y(Math.min(value, top)))}`],
    );
    return `<polyline points="${at.join(' ')}" fill="none" stroke="${color}" stroke-width="1.8" stroke-linejoin="round"/>${at.map((point) => `<circle cx="${point.split(',')[0]}" cy="${point.split(',')[1]}" r="1.9" fill="${color}"/>`).join('')}`;
  });
  const annotated = marks
    .filter(({ value }) => value <= top)
    .map(
      ({ value, label = '', color = '#d62728' }) =>
        `<line x1="${left}" x2="${right}" y1="${round(y(value))}" y2="${round(y(value))}" stroke="${color}" stroke-dasharray="5 4"/><text class="mark" x="${right - 4}" y="${round(y(value) - 4)}" text-anchor="end" fill="${color}">${label}</text>`,
    );
  return `<svg width="${size.width}" height="${size.height}" role="img">${[...grid, ...drawn, ...annotated, ...times].join('')}</svg>`;
}

/** Half a dial, as CloudWatch draws a gauge. */
export function gauge(
  value: number | undefined,
  min: number,
  max: number,
  color: string,
  size: { width: number; height: number },
): string {
  const radius = Math.min(size.width / 2 - 16, size.height - 44);
  const center = { x: size.width / 2, y: size.height - 34 };
  const share = value === undefined ? 0 : Math.min(1, Math.max(0, (value - min) / (max - min)));
  const arc = (upTo: number, stroke: string) => {
    const angle = Math.PI * (1 - upTo);
    const end = { x: center.x + radius * Math.cos(angle), y: center.y - radius * Math.sin(angle) };
    return `<path d="M ${center.x - radius} ${center.y} A ${radius} ${radius} 0 0 1 ${end.x.toFixed(1)} ${end.y.toFixed(1)}" fill="none" stroke="${stroke}" stroke-width="16"/>`;
  };
  const shown = value === undefined ? '–' : shortNumber(value);
  return `<svg width="${size.width}" height="${size.height}" role="img">${arc(1, '#e9ebed')}${share > 0 ? arc(share, color) : ''}<text class="dial" x="${center.x}" y="${center.y - 4}" text-anchor="middle">${shown}</text><text class="tick" x="${center.x - radius}" y="${center.y + 18}" text-anchor="middle">${min}</text><text class="tick" x="${center.x + radius}" y="${center.y + 18}" text-anchor="middle">${max}</text></svg>`;
}

/** Three digits that matter, as CloudWatch abbreviates: 12.4k, 0.93, 99.95. */
export function shortNumber(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e6) return `${trimmed(value / 1e6, 1)}M`;
  if (size >= 1e4) return `${trimmed(value / 1e3, 1)}k`;
  return trimmed(value, size >= 1000 ? 0 : size >= 100 ? 1 : 2);
}

const trimmed = (value: number, digits: number) => String(Number(value.toFixed(digits)));

function niceTop(value: number): number {
  const magnitude = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 5, 8, 10].map((factor) => factor * magnitude).find((candidate) => candidate >= value)!;
}

const clock = (ms: number) => new Date(ms).toISOString().slice(11, 19);
