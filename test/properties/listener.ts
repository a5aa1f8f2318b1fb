import type { PlanEvent } from '../../core/plans/plan-event.ts';

/**
 * An app that only listens: keeps of each user the message with the highest version, and forgets the others. Twenty lines, as an app would have them.
 *
 * Whatever the order, the duplicates, and the losses of all but the last: it ends where `my_plan` is.
 */
export function listen(
  messages: readonly Pick<PlanEvent, 'user_id' | 'version' | 'plan'>[],
): Map<string, PlanEvent['plan']> {
  const kept = new Map<string, Pick<PlanEvent, 'version' | 'plan'>>();
  for (const { user_id, version, plan } of messages) {
    const held = kept.get(user_id);
    if (held === undefined || version > held.version) kept.set(user_id, { version, plan });
  }
  return new Map([...kept].map(([user, { plan }]) => [user, plan]));
}
