type Json = Record<string, unknown>;

/**
 * An object as the API answered it before 2025-03-31: the period on the subscription, the subscription on the invoice, the invoice on the payment.
 * @see https://docs.stripe.com/changelog/basil
 */
export function inOldShape(
  object: object,
  { invoiceOfIntent }: { invoiceOfIntent: ReadonlyMap<string, string> },
): object {
  const now = object as Json & { id: string; object: string };
  switch (now.object) {
    case 'subscription': {
      const { items, ...rest } = now as unknown as Json & { items: Json & { data: Json[] } };
      const [first] = items.data;
      return {
        ...rest,
        current_period_start: first?.current_period_start,
        current_period_end: first?.current_period_end,
        plan: first?.plan,
        quantity: first?.quantity,
        items: {
          ...items,
          data: items.data.map(({ current_period_start: _start, current_period_end: _end, ...item }) => item),
        },
      };
    }
    case 'invoice': {
      const { parent, ...rest } = now as Json & { parent?: { subscription_details?: { subscription: string } } | null };
      return {
        ...rest,
        subscription: parent?.subscription_details?.subscription ?? null,
        payment_intent: [...invoiceOfIntent].find(([, invoice]) => invoice === now.id)?.[0] ?? null,
        paid: now.status === 'paid',
      };
    }
    case 'payment_intent':
      return { ...now, invoice: invoiceOfIntent.get(now.id) ?? null };
    case 'charge':
      return { ...now, invoice: invoiceOfIntent.get(now.payment_intent as string) ?? null };
    default:
      return object;
  }
}
