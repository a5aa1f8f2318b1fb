import { RandomCustomers } from './demonstration/random-customers.ts';
import { shuffle } from './eventbridge/event-archive.ts';
import type { LocalPipeline } from './local-pipeline.ts';

/** The body of `POST /fault` names no fault that we can inject, or not now. */
export class UnknownFault extends Error {}

type Fault = (pipeline: LocalPipeline, request: Record<string, unknown>) => Promise<string> | string;

const customers = new RandomCustomers();

const faults: Record<string, Fault> = {
  async 'stop-database'({ database }) {
    refuseUnless(database.ours, 'DATABASE_URL names a database of your own; it is not ours to stop.');
    refuseUnless(database.running, 'Postgres is stopped already.');
    await database.stop();
    return 'Postgres is killed; events wait in their queues';
  },
  async 'start-database'({ database }) {
    refuseUnless(!database.running, 'Postgres runs already.');
    await database.start();
    return 'Postgres runs again; what waited heals by itself';
  },
  async customer(pipeline) {
    const { name, what, events } = customers.next();
    await pipeline.post(events);
    return `${name}: ${what}; ${events.length} events`;
  },
  async shuffle(pipeline) {
    const { name, what, events } = customers.next();
    await pipeline.post(shuffle(events));
    return `${name}: ${what}; ${events.length} events, in no order at all`;
  },
  async duplicate(pipeline) {
    refuseUnless(pipeline.recent.length > 0, 'Nothing was posted yet, so nothing can come twice.');
    const again = [...pipeline.recent];
    await pipeline.post(again);
    return `the last ${again.length} events were delivered once more`;
  },
  async poison(pipeline) {
    const event = customers.poison();
    await pipeline.post([event]);
    return `${event.id} lacks its items: no retry helps, so it is parked`;
  },
  replay(pipeline) {
    const { name } = pipeline.replay(new Date(pipeline.startedAt.getTime() - 1000), new Date());
    return `everything so far is replayed as ${name}`;
  },
  pause(pipeline, { function: name }) {
    setEnabled(pipeline, name, false);
    return `${String(name)} is paused; its queue keeps what comes`;
  },
  resume(pipeline, { function: name }) {
    setEnabled(pipeline, name, true);
    return `${String(name)} goes on`;
  },
  async schedule(pipeline, { schedule: name }) {
    const { names } = pipeline.schedules;
    refuseUnless(
      names.includes(String(name)),
      `"schedule" must be one of ${names.join(', ')}; got ${JSON.stringify(name)}`,
    );
    const { function: fn, last } = await pipeline.schedules.runNow(String(name));
    return last?.error === undefined ? `${fn} ran for ${last?.seconds} s` : `${fn} failed: ${last.error}`;
  },
};

/** Injects one fault. @returns what was done, in a sentence. @throws {UnknownFault} */
export async function injectFault(pipeline: LocalPipeline, body: string): Promise<string> {
  let request: Record<string, unknown>;
  try {
    request = JSON.parse(body) as Record<string, unknown>;
  } catch (error) {
    throw new UnknownFault(`Not JSON: ${(error as Error).message}`);
  }
  const fault = Object.hasOwn(faults, String(request?.what)) ? faults[String(request.what)] : undefined;
  if (!fault)
    throw new UnknownFault(
      `"what" must be one of ${Object.keys(faults).join(', ')}; got ${JSON.stringify(request?.what)}`,
    );
  const done = await fault(pipeline, request);
  pipeline.feed.add({ kind: 'fault', text: done });
  return done;
}

function setEnabled(pipeline: LocalPipeline, name: unknown, enabled: boolean): void {
  const names = pipeline.consumerNames;
  refuseUnless(
    names.includes(String(name)),
    `"function" must be one of ${names.join(', ')}; got ${JSON.stringify(name)}`,
  );
  pipeline.setEnabled(String(name), enabled);
}

function refuseUnless(condition: boolean, otherwise: string): void {
  if (!condition) throw new UnknownFault(otherwise);
}
