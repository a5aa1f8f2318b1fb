import { type MoneyOfMonth, moneyOf } from '../../adapters/postgres/story-store.ts';
import type { Ops } from '../cli/ops.ts';
import type { Report } from '../cli/verb-report.ts';

export interface CurrencyMonth extends MoneyOfMonth {
  /** Recurring revenue lost (churn and contraction) of what the month began with; null where it began with nothing. */
  revenue_churn: number | null;
  /** Customers who stopped paying, of those who paid when the month began. */
  customer_churn: number | null;
}

export interface Money {
  /** `2026-10`, in UTC. */
  month: string;
  livemode: boolean;
  /** false: these are the figures so far. */
  over: boolean;
  currencies: CurrencyMonth[];
}

/** One month's money, from what Stripe said in it; live mode in prod, test mode elsewhere. Changes nothing. */
export async function money(ops: Ops, wanted?: string): Promise<Report<Money>> {
  const now = ops.now();
  const month = wanted ?? new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - 1, 1)).toISOString().slice(0, 7);
  const livemode = ops.environment === 'prod';
  const database = await ops.database();
  try {
    const currencies = await moneyOf(database, `${month}-01`, livemode);
    return {
      data: {
        month,
        livemode,
        over: month < now.toISOString().slice(0, 7),
        currencies: currencies.map((one) => ({
          ...one,
          revenue_churn: share(-(one.churn_minor + one.contraction_minor), one.opening_minor),
          customer_churn: share(one.churned_customers, one.opening_customers),
        })),
      },
      found: [],
    };
  } finally {
    await database.end();
  }
}

/** To four digits: a hundredth of a per cent. */
const share = (part: number, of: number): number | null => (of > 0 ? Math.round((part / of) * 10_000) / 10_000 : null);
