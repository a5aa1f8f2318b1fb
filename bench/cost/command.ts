/**
 * What a month costs on AWS: `npm run cost -- --events-per-month N [--with traces,key] [--without audit,archive] [--write]`.
 *
 * List prices (bench/cost/prices.ts) times what one event needs (bench/cost/measured.ts), and the alarms of the synthesised template. Supabase and
 * Stripe are not in it. `--write` puts the result into docs/performance.md.
 */
import { parseArgs } from 'node:util';
import { writePart } from '../document.ts';
import { table } from '../table.ts';
import { type CostOptions, choices, costLines, type Optional, optional, totalOf } from './cost.ts';
import { alone, inTens, origin, type PerEvent } from './measured.ts';
import { pricesAsOf } from './prices.ts';
import { stackCounts } from './stack-counts.ts';

const { values } = parseArgs({
  options: {
    'events-per-month': { type: 'string', default: '1000000' },
    with: { type: 'string', default: '' },
    without: { type: 'string', default: '' },
    write: { type: 'boolean', default: false },
  },
});
const eventsPerMonth = Number(values['events-per-month']);
if (!Number.isInteger(eventsPerMonth) || eventsPerMonth < 1) {
  console.error(`--events-per-month: got "${values['events-per-month']}", wanted a whole number of at least 1.`);
  process.exit(2);
}
const without = listOf('without', values.without);
const having = [...new Set<Optional>(['audit', 'archive', ...listOf('with', values.with)])].filter(
  (it) => !without.includes(it),
);

const stack = await stackCounts();
const options: CostOptions = { eventsPerMonth, having };
const modes = [alone, inTens];
const [one, tens] = modes.map((per) => costLines(per, options, stack));
const perMillion = (usd: number) => ((usd / eventsPerMonth) * 1e6).toFixed(2);
const totals = modes.map((per) => totalOf(costLines(per, options, stack)));

const services = table(
  ['service', 'USD per million events, one at a time', '… ten at a time', 'USD a month however few'],
  [
    ...one!.map((line, n) => [
      line.service,
      perMillion(line.perEvent),
      perMillion(tens![n]!.perEvent),
      line.fixed.toFixed(2),
    ]),
    [
      '**together**',
      ...totals.map(({ perEvent }) => `**${perMillion(perEvent)}**`),
      `**${totals[0]!.fixed.toFixed(2)}**`,
    ],
  ],
);

/** What each choice would change, the largest first. */
const levers = [
  ...optional.map((what) => {
    const other = having.includes(what) ? having.filter((it) => it !== what) : [...having, what];
    const change = (per: PerEvent) => sumOf(per, { ...options, having: other }) - sumOf(per, options);
    return { what: `${having.includes(what) ? 'without' : 'with'} ${what}`, one: change(alone), tens: change(inTens) };
  }),
  ...choices.map(({ what, change }) => {
    const changed = (per: PerEvent) => sumOf(change(per, eventsPerMonth), options) - sumOf(per, options);
    return { what, one: changed(alone), tens: changed(inTens) };
  }),
]
  .filter(({ one, tens }) => Math.abs(one) >= 0.005 || Math.abs(tens) >= 0.005)
  .toSorted((a, b) => Math.abs(b.one) - Math.abs(a.one));

const text = `${eventsPerMonth.toLocaleString('en-US')} events a month, with ${having.join(' and ') || 'neither audit nor archive'}. Prices: ${pricesAsOf}.

${services}

All of it: **${sumOf(alone, options).toFixed(2)} USD a month** one at a time, **${sumOf(inTens, options).toFixed(2)}** ten at a time, in the first year's last month, when archive and audit bucket hold twelve months. In the first month: ${modes
  .map((per) => perMillion(totalOf(costLines(per, { ...options, monthsKept: 1 }, stack)).perEvent))
  .join(' and ')} USD per million events.

${table(
  ['what would change it', 'USD a month, one at a time', 'ten at a time'],
  levers.map((lever) => [lever.what, signed(lever.one), signed(lever.tens)]),
)}

${table(
  ['one event needs', 'one at a time', 'ten at a time', 'from'],
  (Object.keys(origin) as (keyof PerEvent)[]).map((key) => [key, shown(alone[key]), shown(inTens[key]), origin[key]]),
)}`;
console.log(text);
if (values.write) writePart('cost', text);

function sumOf(per: PerEvent, of: CostOptions): number {
  const { perEvent, fixed } = totalOf(costLines(per, of, stack));
  return perEvent + fixed;
}

function shown(value: number | null): string {
  return value === null ? 'by the minute' : String(value);
}

function signed(usd: number): string {
  const shown = Math.abs(usd).toFixed(2);
  return shown === '0.00' ? shown : `${usd > 0 ? '+' : '−'}${shown}`;
}

function listOf(option: string, text: string): Optional[] {
  const names = text.split(',').filter(Boolean);
  const unknown = names.filter((name) => !optional.includes(name as Optional));
  if (unknown.length > 0) {
    console.error(`--${option}: there is no ${unknown.join(', ')}; pass some of ${optional.join(', ')}, with commas.`);
    process.exit(2);
  }
  return names as Optional[];
}
