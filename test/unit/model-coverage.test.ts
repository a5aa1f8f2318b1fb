import { routedEventTypes } from '../../core/event-routes.ts';
import { reached } from '../model/reach.ts';

/** Routed types that the model of the proof does not emit: for each, why no history needs it. */
const notEmitted: Record<string, string> = {
  'charge.captured': 'the model captures at once; an authorisation captured later is held by test/database/views',
  'invoice_payment.paid': 'it ties a payment to its invoice and decides nothing; held by test/database/views',
  'invoice.finalization_failed': "a tax or account setting gone wrong; nothing in a customer's life brings it about",
};

const { types } = reached();

it.each(routedEventTypes)(
  '%s is emitted by the model that the claims are proved with, or named with a reason',
  (type) => {
    if (types.has(type) || notEmitted[type] !== undefined) return;
    throw new Error(
      `${type} is routed, but no history of test/model emits it: all claims stay green without ever meeting one. ` +
        'Let an act of test/model/life.ts bring it about, or name it here with the reason (CONTRIBUTING.md, "An event type").',
    );
  },
);

it('excuses no type that the model emits or that nobody handles', () => {
  expect(
    Object.keys(notEmitted).filter((type) => types.has(type) || !(routedEventTypes as string[]).includes(type)),
  ).toEqual([]);
});
