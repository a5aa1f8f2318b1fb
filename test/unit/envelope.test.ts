import { readEnvelope } from '../../core/stripe/envelope.ts';
import { envelope, source } from '../support/event-processor.ts';
import { subscriptionEvent } from '../support/stripe-samples.ts';

const good = subscriptionEvent('evt_1', 'updated', 100);

it('reads what the bus delivers', () => {
  const read = readEnvelope(envelope(good, { 'replay-name': 'r1' }), [source]);
  expect(read.detail).toMatchObject({ id: 'evt_1', created: 100 });
  expect(read['replay-name']).toBe('r1');
});

it.each([
  ['not JSON', '{"a":', /not JSON/],
  [
    'no Stripe event',
    envelope({ type: 'x', hello: 1 }),
    /detail\.id: got nothing, wanted a string; detail\.created: got nothing, wanted Unix seconds of the years 1970 to 9999; detail\.data: got nothing, wanted an object/,
  ],
  [
    'a thin event',
    envelope({ id: 'evt_1', type: 'v1.billing.meter.no_meter_found', created: '2026-11-20T10:00:00Z' }),
    /detail\.created: got a string, wanted Unix seconds/,
  ],
  ['no envelope', JSON.stringify(good), /source: got nothing.*detail: got nothing/],
  [
    'another source',
    envelope(good, { source: 'aws.partner/stripe.com/ed_other' }),
    /got "aws\.partner\/stripe\.com\/ed_other", wanted "aws\.partner\/stripe\.com\/ed_test"/,
  ],
  [
    'a source that is a text',
    envelope(good, { source: 'jenny@example.com'.repeat(9) }),
    /source: got "\(a text of 153 characters\)", wanted/,
  ],
  ['no second', envelope({ ...good, created: 0 }), /detail\.created: got 0, wanted Unix seconds above 0/],
  ['a second that is none', envelope({ ...good, created: 1.5 }), /detail\.created: got 1\.5, wanted Unix seconds/],
  [
    'a second that no Date can hold',
    envelope({ ...good, created: 1e13 }),
    /detail\.created: got 10000000000000, wanted Unix seconds of the years 1970 to 9999/,
  ],
  [
    'an arrival that no database can hold',
    envelope(good, { time: '0000-01-01T00:00:00Z' }),
    /time: got a string, wanted a time from 1970 to 9999/,
  ],
  [
    'an arrival with an offset that no database takes',
    envelope(good, { time: '2026-01-01T00:00:00+23:59' }),
    /time: got a string, wanted a date and time in ISO 8601, UTC/,
  ],
  [
    'NUL in an API version',
    envelope({ ...good, api_version: '\u0000' }),
    /detail\.api_version: got a string, wanted text without control characters/,
  ],
  [
    'half a surrogate pair in an id',
    envelope({ ...good, id: 'evt_\ud800' }),
    /detail\.id: got a string, wanted text without/,
  ],
  ['a long id', envelope({ ...good, id: 'e'.repeat(256) }), /detail\.id: got 256 characters, wanted at most 255/],
  [
    'a type of another shape',
    envelope({ ...good, type: 'jenny@example.com' }),
    /detail\.type: got a string, wanted an event type such as "invoice\.paid"$/,
  ],
  [
    'the name of no replay',
    envelope(good, { 'replay-name': '\u0000' }),
    /replay-name: got a string, wanted a name of a replay/,
  ],
])('parks %s, naming what is wrong', (_name, body, message) => {
  expect(() => readEnvelope(body, [source])).toThrow(message);
  expect(() => readEnvelope(body, [source])).toThrow(
    expect.objectContaining({ code: 'unreadable_event', retry: 'never' }),
  );
});

it('refuses a live event of the future, which would make every true one after it stale; in test mode clocks are set ahead', () => {
  const time = '2026-11-20T10:00:00Z'; // 1795168800
  const read = (livemode: boolean, created: number) => () =>
    readEnvelope(envelope({ ...good, livemode, created }, { time }), [source]);
  expect(read(true, 1_795_255_200)).not.toThrow();
  expect(read(true, 1_795_255_201)).toThrow(
    "detail.created: got 2026-11-21T10:00:01.000Z, wanted at most a day after the envelope's time 2026-11-20T10:00:00Z",
  );
  expect(read(false, 4_102_444_800)).not.toThrow();
});
