import type { LocalPipeline } from './local-pipeline.ts';

/** The body of `POST /trouble` names no trouble that we can make. */
export class UnknownTrouble extends Error {}

type Trouble = (pipeline: LocalPipeline, request: Record<string, unknown>) => Promise<string>;

const troubles: Record<string, Trouble> = {
  'stop-database': async ({ database }) => {
    await database.stop();
    return 'Postgres is stopped, as if it had crashed; events wait in their queues';
  },
  'start-database': async ({ database }) => {
    await database.start();
    return 'Postgres runs again';
  },
};

/** Makes one kind of trouble. @returns what was done, in a sentence. @throws {UnknownTrouble} */
export async function makeTrouble(pipeline: LocalPipeline, body: string): Promise<string> {
  let request: Record<string, unknown>;
  try {
    request = JSON.parse(body) as Record<string, unknown>;
  } catch (error) {
    throw new UnknownTrouble(`Not JSON: ${(error as Error).message}`);
  }
  const trouble = troubles[String(request.what)];
  if (!trouble)
    throw new UnknownTrouble(
      `"what" must be one of ${Object.keys(troubles).join(', ')}; got ${JSON.stringify(request.what)}`,
    );
  const done = await trouble(pipeline, request);
  pipeline.feed.add({ kind: 'trouble', text: done });
  return done;
}
