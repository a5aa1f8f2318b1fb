import { readEnvelope } from '../../core/stripe/envelope.ts';
import { envelope, source, subscriptionEvent } from '../support/event-processor.ts';

const good = subscriptionEvent('evt_1', 'updated', 100);

it('reads what the bus delivers', () => {
  const read = readEnvelope(envelope(good, { 'replay-name': 'r1' }), source);
  expect(read.detail).toMatchObject({ id: 'evt_1', created: 100 });
  expect(read['replay-name']).toBe('r1');
});

it.each([
  ['not JSON', '{"a":', /not JSON/],
  [
    'no Stripe event',
    envelope({ type: 'x', hello: 1 }),
    /detail\.id: got nothing, wanted a string; detail\.created: got nothing, wanted a number; detail\.data: got nothing, wanted an object/,
  ],
  [
    'a thin event',
    envelope({ id: 'evt_1', type: 'v1.billing.meter.no_meter_found', created: '2026-11-20T10:00:00Z' }),
    /detail\.created: got a string, wanted a number/,
  ],
  ['no envelope', JSON.stringify(good), /source: got nothing.*detail: got nothing/],
  [
    'another source',
    envelope(good, { source: 'aws.partner/stripe.com/ed_other' }),
    /got "aws\.partner\/stripe\.com\/ed_other", wanted "aws\.partner\/stripe\.com\/ed_test"/,
  ],
])('parks %s, naming what is wrong', (_name, body, message) => {
  expect(() => readEnvelope(body, source)).toThrow(message);
  expect(() => readEnvelope(body, source)).toThrow(
    expect.objectContaining({ code: 'unreadable_event', retry: 'never' }),
  );
});
