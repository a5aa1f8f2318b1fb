import { type Formatting, moment } from '../cli/formatting.ts';
import { planOf } from '../story/words.ts';
import type { Why } from './why.ts';

export const printWhy = (
  { verdict, plans, subscriptions, purchases, differences, timeline, unseen }: Why,
  format: Formatting,
): string =>
  [
    `${format.bold('WHY')}   ${verdict.wrong ? format.wrong(verdict.says) : verdict.says}`,
    ...verdict.do.map((line, index) => `${format.bold(index === 0 ? 'DO' : '  ')}    ${line}`),
    `${format.bold('PAGE')}  docs/runbooks/${verdict.page}.md`,
    ...(plans.length === 0
      ? []
      : [
          '',
          format.table(
            ['user', 'plan that the apps see', 'version'],
            plans.map(({ user_id, plan, version }) => [
              user_id,
              planOf(plan),
              version === 0 ? 'never notified' : String(version),
            ]),
          ),
        ]),
    ...(subscriptions.length === 0
      ? []
      : [
          '',
          format.table(
            ['subscription', 'customer', 'user', 'here', 'at Stripe'],
            subscriptions.map((each) => [
              each.subscription_id,
              each.customer_id,
              each.user_id ?? 'nobody',
              stateOf(each.here, each.price_here),
              unseen.some(({ source }) => source === 'Stripe')
                ? 'not asked'
                : stateOf(each.at_stripe, each.price_at_stripe),
            ]),
          ),
        ]),
    ...(purchases.length === 0
      ? []
      : [
          '',
          format.table(
            ['paid once', 'customer', 'user', 'here', 'at Stripe'],
            purchases.map((each) => [
              each.invoice_id,
              each.customer_id,
              each.user_id ?? 'nobody',
              stateOf(each.here, each.price_here),
              unseen.some(({ source }) => source === 'Stripe') ? 'not asked' : (each.at_stripe ?? 'not listed'),
            ]),
          ),
        ]),
    ...(differences === null
      ? []
      : [
          differences.length === 0
            ? format.good('The same here and at Stripe.')
            : differences
                .map(({ kind, id, known, fields }) =>
                  format.wrong(known ? `${kind} ${id} differs in ${fields.join(', ')}.` : `${kind} ${id} is not here.`),
                )
                .join('\n'),
        ]),
    ...(timeline.length === 0
      ? ['', 'No event of theirs is in the ledger.']
      : [
          '',
          format.table(
            ['when', 'who', 'what', 'event'],
            timeline.map(({ at, who, says, event_id }, index) => {
              const goesOn = index > 0 && timeline[index - 1]!.event_id === event_id && event_id !== null;
              return [goesOn ? '' : moment(new Date(at).toISOString()), who, says, goesOn ? '' : (event_id ?? '')];
            }),
          ),
        ]),
    ...unseen.map(({ source, because, fix }) => format.care(`${source} did not answer: ${because} ${fix}`)),
  ].join('\n');

const stateOf = (status: string | null, price: string | null): string =>
  status === null ? 'none' : `${status}${price === null ? '' : `, ${price}`}`;
