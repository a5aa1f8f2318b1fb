// Made from config/plan-events.yaml by `npm run generate`. Do not edit.

/**
 * What a schedule at Stripe changes next ("changes to premium on 1 March"); null when nothing is scheduled. Gone once it has happened.
 */
export type ScheduledChange = {
  at: string;
  /**
   * An id of config/plans.yaml; null where the price gives no plan.
   */
  plan_id: string | null;
  tier: string | null;
  price_id: string | null;
  /**
   * Seats.
   */
  quantity: number;
  /**
   * config/plans.yaml does not list the price by its id.
   */
  plan_unknown: boolean;
} | null;

/**
 * A change of a user's plan, or a payment that needs the user.
 */
export interface PlanEvent {
  /**
   * Stable across deliveries of this message, which may come twice.
   */
  id: string;
  /**
   * SUBSCRIPTION_ACTIVATED - the plan is usable from now on (also after a suspension). SUBSCRIPTION_UPDATED - anything that `plan` shows changed; read it. SUBSCRIPTION_CANCELLED - the user's subscription ended, or became somebody else's; of what was paid once, the money went back or its days are over. TRIAL_ENDING - the trial ends in three days (Stripe says so once). PAYMENT_FAILED - an invoice could not be collected; one for each attempt. PAYMENT_ACTION_REQUIRED - the user's bank wants the user to confirm a payment.
   */
  event_type:
    | 'SUBSCRIPTION_ACTIVATED'
    | 'SUBSCRIPTION_UPDATED'
    | 'SUBSCRIPTION_CANCELLED'
    | 'TRIAL_ENDING'
    | 'PAYMENT_FAILED'
    | 'PAYMENT_ACTION_REQUIRED';
  /**
   * The app's own user id, or that of an organisation.
   */
  user_id: string;
  /**
   * Only grows, for each user apart. Keep the message with the highest.
   */
  version: number;
  /**
   * The second in which Stripe says that what caused this happened.
   */
  occurred_at: string;
  plan: PlanState;
  /**
   * What it was about.
   */
  payload: {
    /**
     * The Checkout session that made the subscription or the purchase, where there was one.
     */
    session_id?: string;
    subscription_id?: string;
    customer_id?: string;
    /**
     * For PAYMENT_*; and for SUBSCRIPTION_* because of a plan that was paid once, of its purchase.
     */
    invoice_id?: string;
    /**
     * For PAYMENT_*, of the invoice.
     */
    currency?: string;
    /**
     * For PAYMENT_*, what is due, in minor units.
     */
    amount?: number;
    source: 'stripe';
  };
  app_source: 'website';
  metadata: {
    version: 'v2';
    /**
     * What told us - a live event, a replay, the comparison with Stripe, a backfill, or a date that came.
     */
    origin: 'webhook' | 'replay' | 'reconcile' | 'backfill' | 'clock';
  };
}
/**
 * The user's whole plan after this change, as public.my_plan shows it. Of several subscriptions and plans that were paid once the entitled one of the highest tier; of one tier the subscription.
 */
export interface PlanState {
  /**
   * An id of config/plans.yaml; null while the price is not in it and no plan was held before.
   */
  plan_id: string | null;
  /**
   * A tier of config/plans.yaml; the least one for whoever is not entitled.
   */
  tier: string;
  /**
   * The subscription's status in the apps' words; none without a subscription.
   */
  status: 'none' | 'pending' | 'trialing' | 'active' | 'past_due' | 'suspended' | 'cancelled' | 'expired';
  /**
   * Whether a paid plan may be used now. Ends by itself at grace_ends_at or cancel_at; a message follows then.
   */
  entitled: boolean;
  /**
   * The price is not in config/plans.yaml; plan_id and tier are those held before.
   */
  plan_unknown: boolean;
  /**
   * Of config/plans.yaml, add-ons included; true or false, or a limit.
   */
  features: {
    [k: string]: boolean | number | string;
  };
  /**
   * Seats.
   */
  quantity: number | null;
  /**
   * ISO 4217, lower case.
   */
  currency: string | null;
  /**
   * Minor units per billing interval, all items together; of what was paid once, what was paid.
   */
  amount_minor: number | null;
  /**
   * day, week, month or year.
   */
  billing_interval: string | null;
  /**
   * Every so many intervals; 3 with month is a quarter.
   */
  interval_count: number | null;
  current_period_end: string | null;
  trial_end: string | null;
  cancel_at_period_end: boolean;
  cancel_at: string | null;
  /**
   * Until when a past_due plan stays usable.
   */
  grace_ends_at: string | null;
  /**
   * Invoices are made but not collected (pause_collection).
   */
  collection_paused: boolean;
  scheduled_change: ScheduledChange;
  subscription_id: string | null;
  customer_id: string | null;
}
