import { RandomCustomers } from './demonstration/random-customers.ts';
import { shuffle } from './eventbridge/event-archive.ts';
import type { LocalPipeline } from './local-pipeline.ts';

/** The body of `POST /trouble` names no trouble that we can make, or not now. */
export class UnknownFault extends Error {}

type Fault = (pipeline: LocalPipeline, request: Record<string, unknown>) => Promise<string> | string;

const visitors = new RandomCustomers();

const troubles: Record<string, Fault> = {
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
    const { name, what, events } = visitors.next();
    await pipeline.post(events);
    return `${name}: ${what}; ${events.length} events`;
  },
  async shuffle(pipeline) {
    const { name, what, events } = visitors.next();
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
    const event = visitors.poison();
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
};

/** Makes one kind of trouble. @returns what was done, in a sentence. @throws {UnknownFault} */
export async function injectFault(pipeline: LocalPipeline, body: string): Promise<string> {
  let request: Record<string, unknown>;
  try {
    request = JSON.parse(body) as Record<string, unknown>;
  } catch (error) {
    throw new UnknownFault(`Not JSON: ${(error as Error).message}`);
  }
  const trouble = Object.hasOwn(troubles, String(request?.what)) ? troubles[String(request.what)] : undefined;
  if (!trouble)
    throw new UnknownFault(
      `"what" must be one of ${Object.keys(troubles).join(', ')}; got ${JSON.stringify(request?.what)}`,
    );
  const done = await trouble(pipeline, request);
  pipeline.feed.add({ kind: 'trouble', text: done });
  return done;
}

function setEnabled(pipeline: LocalPipeline, name: unknown, enabled: boolean): void {
  const names = pipeline.functionNames;
  refuseUnless(
    names.includes(String(name)),
    `"function" must be one of ${names.join(', ')}; got ${JSON.stringify(name)}`,
  );
  pipeline.setEnabled(String(name), enabled);
}

function refuseUnless(condition: boolean, otherwise: string): void {
  if (!condition) throw new UnknownFault(otherwise);
}
