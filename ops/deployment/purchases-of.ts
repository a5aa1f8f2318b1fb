import { type Catalogue, sellsOnce } from '../../core/plans/catalogue.ts';
import { readFetched } from '../../core/stripe/fetched-object.ts';
import type { StripeLists, StripePage } from '../../pipeline/reconcile/ports.ts';

/** Of a customer's newest invoices those that give a plan by being paid once. Stripe is asked only where such plans are sold. */
export async function purchasesOf(lists: StripeLists, catalogue: Catalogue, customer: string): Promise<StripePage> {
  if (!sellsOnce(catalogue)) return { items: [], more: false, asOf: 0 };
  const page = await lists.invoicesOf(customer);
  return {
    ...page,
    items: page.items.filter((invoice) => {
      try {
        const fact = readFetched('invoice', invoice, catalogue);
        return fact?.kind === 'invoice' && fact.purchase !== null;
      } catch {
        // `ops reconcile` names it, and what is wrong with it.
        return false;
      }
    }),
  };
}
