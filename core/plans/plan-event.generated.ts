// Made from config/plan-events.yaml by `npm run generate`. Do not edit.

/**
 * A change of a user's plan, or a payment that needs the user.
 */
export interface PlanEvent {
  /**
   * Stable across deliveries; deduplicate by it, since a message may come twice.
   */
  id: string;
  /**
   * SUBSCRIPTION_ACTIVATED - the plan is usable from now on (also after a suspension). SUBSCRIPTION_UPDATED - plan, price, period, cancellation date or status changed; `pending` means paid for, not yet active. SUBSCRIPTION_CANCELLED - the subscription ended, for good. PAYMENT_FAILED - an invoice could not be collected; one for each attempt. PAYMENT_ACTION_REQUIRED - the user's bank wants the user to confirm a payment.
   */
  event_type:
    | 'SUBSCRIPTION_ACTIVATED'
    | 'SUBSCRIPTION_UPDATED'
    | 'SUBSCRIPTION_CANCELLED'
    | 'PAYMENT_FAILED'
    | 'PAYMENT_ACTION_REQUIRED';
  /**
   * The app's own user id.
   */
  user_id: string;
  payload: {
    /**
     * The Checkout session that made the subscription, where there was one.
     */
    session_id?: string;
    subscription_id?: string;
    /**
     * An id of config/plans.yaml; null while the price is not in it, or not known yet.
     */
    plan_id: string | null;
    /**
     * The subscription's status in the apps' words.
     */
    status: 'pending' | 'trialing' | 'active' | 'past_due' | 'suspended' | 'cancelled' | 'expired';
    customer_id: string;
    /**
     * ISO 4217, lower case.
     */
    currency: string | null;
    /**
     * Minor units. Of the plan per billing interval; for PAYMENT_*, of the invoice.
     */
    amount: number | null;
    source: 'stripe';
  };
  app_source: 'website';
  metadata: {
    version: 'v1';
    /**
     * What told us - a live event, a replay, or the comparison with Stripe.
     */
    origin: 'webhook' | 'replay' | 'reconcile';
  };
}
