import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { traced, traceEvent, traceHeader } from '../../adapters/aws/xray.ts';

/** What X-Ray's daemon would hear. */
let daemon: Socket;
const documents: string[] = [];

beforeAll(async () => {
  daemon = createSocket('udp4').on('message', (message) => documents.push(message.toString()));
  daemon.bind(0, '127.0.0.1');
  await once(daemon, 'listening');
  process.env.AWS_XRAY_DAEMON_ADDRESS = `127.0.0.1:${daemon.address().port}`;
});
afterAll(() => {
  delete process.env.AWS_XRAY_DAEMON_ADDRESS;
  delete process.env._X_AMZN_TRACE_ID;
  daemon.close();
});
beforeEach(() => {
  documents.length = 0;
  process.env._X_AMZN_TRACE_ID =
    'Root=1-67a1b2c3-0123456789abcdef01234567;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=1:a:0';
});

const heard = async (count: number) => {
  while (documents.length < count) await once(daemon, 'message');
  return documents.map((document) => {
    const [head, body] = document.split('\n');
    return { head, body: JSON.parse(body!) };
  });
};
const query = traced('postgres', async (answer: string) => answer);
const publish = traced('app bus', async () => traceHeader());

it('shows an event with its id, and the database and the app bus as its parts, in the invocation’s trace', async () => {
  const header = await traceEvent({ event_id: 'evt_1', event_type: 'invoice.paid' }, async () => {
    await query('row');
    return { outcome: 'applied', header: await publish() };
  });
  const [{ head, body }] = (await heard(1)) as unknown as [{ head: string; body: Record<string, unknown> }];
  expect(JSON.parse(head)).toEqual({ format: 'json', version: 1 });
  expect(body).toMatchObject({
    type: 'subsegment',
    name: 'event',
    trace_id: '1-67a1b2c3-0123456789abcdef01234567',
    parent_id: '53995c3f42cd8ad8',
    annotations: { event_id: 'evt_1', event_type: 'invoice.paid', outcome: 'applied' },
    subsegments: [
      { name: 'postgres', namespace: 'remote' },
      { name: 'app bus', namespace: 'remote' },
    ],
  });
  expect(body.id).toMatch(/^[0-9a-f]{16}$/);
  // Whoever hears of it on the app bus continues below this very event.
  expect(header.header).toBe(`Root=1-67a1b2c3-0123456789abcdef01234567;Parent=${body.id};Sampled=1`);
});

it('keeps the events of one batch apart', async () => {
  const slowly = traced('postgres', () => new Promise((resolve) => setTimeout(resolve, 10)));
  await Promise.all(
    ['evt_1', 'evt_2'].map((event_id) =>
      traceEvent({ event_id }, async () => {
        await slowly();
        return { outcome: 'applied' };
      }),
    ),
  );
  const bodies = (await heard(2)).map(({ body }) => body);
  expect(bodies.map(({ annotations }) => annotations.event_id).sort()).toEqual(['evt_1', 'evt_2']);
  for (const { subsegments } of bodies) expect(subsegments).toHaveLength(1);
});

it('marks what failed, and lets the error through', async () => {
  const failing = traced('postgres', async () => Promise.reject(new Error('down')));
  await expect(traceEvent({ event_id: 'evt_1' }, () => failing())).rejects.toThrow('down');
  const [{ body }] = (await heard(1)) as unknown as [{ body: Record<string, unknown> }];
  expect(body).toMatchObject({ fault: true, subsegments: [{ name: 'postgres', fault: true }] });
});

it('does nothing but the work where nothing is sampled', async () => {
  for (const header of [undefined, 'Root=1-67a1b2c3-0123456789abcdef01234567;Parent=53995c3f42cd8ad8;Sampled=0']) {
    if (header === undefined) delete process.env._X_AMZN_TRACE_ID;
    else process.env._X_AMZN_TRACE_ID = header;
    await expect(
      traceEvent({ event_id: 'evt_1' }, async () => ({ outcome: 'applied', header: await publish() })),
    ).resolves.toEqual({
      outcome: 'applied',
      header: undefined,
    });
  }
  expect(documents).toEqual([]);
});
