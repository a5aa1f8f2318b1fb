import type { Formatting } from '../cli/formatting.ts';
import type { CurrencyMonth, Money } from './money.ts';

type Figure = keyof Omit<CurrencyMonth, 'currency'>;

/** Every figure, in the order of the page; `''` is a blank line. What ends in `_minor` is money. */
const figures: readonly (readonly [Figure, string] | '')[] = [
  ['gross_minor', 'payments received'],
  ['refunded_minor', 'refunded'],
  ['disputed_minor', 'lost in disputes'],
  ['net_minor', 'net revenue'],
  ['payments', 'payments'],
  ['refunds', 'refunds'],
  ['disputes_lost', 'disputes lost'],
  '',
  ['opening_minor', 'MRR at the beginning'],
  ['new_minor', '+ new'],
  ['expansion_minor', '+ expansion'],
  ['reactivation_minor', '+ reactivation'],
  ['contraction_minor', '– contraction'],
  ['churn_minor', '– churn'],
  ['closing_minor', 'MRR at the end'],
  '',
  ['opening_customers', 'paying customers at the beginning'],
  ['new_customers', 'new customers'],
  ['reactivated_customers', 'customers back'],
  ['churned_customers', 'customers lost'],
  ['revenue_churn', 'revenue churn'],
  ['customer_churn', 'customer churn'],
];

export const printMoney = ({ month, livemode, over, currencies }: Money, format: Formatting): string =>
  currencies.length === 0
    ? `${month}: no money moved.`
    : [
        `${format.bold(month)} (UTC, ${livemode ? 'live' : 'test'} mode)${over ? '' : format.care(', so far')}`,
        '',
        format.table(
          ['', ...currencies.map(({ currency }) => currency.toUpperCase())],
          figures.map((figure) =>
            figure === ''
              ? ['', ...currencies.map(() => '')]
              : [figure[1], ...currencies.map((one) => shown(figure[0], one))],
          ),
        ),
      ].join('\n');

/** A line a currency, amounts in minor units, for a spreadsheet. */
export const printCsv = ({ month, currencies }: Money): string => {
  const columns = figures.flatMap((figure) => (figure === '' ? [] : [figure[0]]));
  return [
    ['month', 'currency', ...columns].join(','),
    ...currencies.map((one) => [month, one.currency, ...columns.map((column) => one[column] ?? '')].join(',')),
  ].join('\n');
};

function shown(figure: Figure, month: CurrencyMonth): string {
  const value = month[figure];
  if (value === null) return '–';
  if (figure.endsWith('_minor')) return amount(value, month.currency);
  return figure.endsWith('_churn') ? `${(value * 100).toFixed(2)} %` : String(value);
}

/** Stripe counts these in hundredths, though they have none. @see https://docs.stripe.com/currencies#special-cases */
const STRIPES_HUNDREDTHS = ['isk', 'ugx'];

function amount(minor: number, currency: string): string {
  const { maximumFractionDigits = 2 } = new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions();
  const digits = STRIPES_HUNDREDTHS.includes(currency) ? 2 : maximumFractionDigits;
  return (minor / 10 ** digits).toFixed(digits);
}
