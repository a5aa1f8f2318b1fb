import type { IncomingMessage, ServerResponse } from 'node:http';
import { readReplayRequest, UnreadableReplay } from '../eventbridge/replay-request.ts';
import { injectFault, UnknownFault } from '../fault-injection.ts';
import type { LocalPipeline } from '../local-pipeline.ts';
import { BodyTooLong, bodyText } from './body.ts';
import { live } from './live.ts';
import { serveDashboard } from './pages.ts';
import { readManyEvents, readOneEvent, UnreadablePost } from './posted-lines.ts';

export type Route = (pipeline: LocalPipeline, request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** What a replay or a fault is asked for with is a line. */
const LONGEST_REQUEST_BYTES = 64 * 1024;

/** What people and tools may ask of the local run, besides its pages. */
export const routes: Record<string, Route> = {
  'POST /stripe': async (pipeline, request, response) => {
    // Not destroyed when we stop reading in the middle: the answer that says why goes over the same connection.
    const body = request.iterator({ destroyOnReturn: false });
    try {
      if (/\b(x-)?ndjson\b|jsonl/.test(request.headers['content-type'] ?? '')) {
        const { events } = await readManyEvents(body, pipeline.folder);
        const ids = await pipeline.post(events);
        json(response, 202, { accepted: ids.length, ids });
      } else {
        const ids = await pipeline.post([await readOneEvent(body)]);
        json(response, 202, { accepted: 1, ids });
      }
    } catch (error) {
      if (!(error instanceof UnreadablePost)) throw error;
      json(response, 400, {
        error: error.message,
        line: error.line,
        field: error.problems[0]!.field,
        problems: error.problems,
      });
      // What is still on its way is of no interest: nothing of this body was accepted.
      request.resume();
    }
  },
  'GET /state': async (pipeline, _request, response) => json(response, 200, await pipeline.state()),
  'POST /replay': async (pipeline, request, response) => {
    try {
      const { from, to, rules } = readReplayRequest(
        await bodyText(request, LONGEST_REQUEST_BYTES),
        pipeline.blueprint.rules,
      );
      json(response, 202, pipeline.replay(from, to, rules));
    } catch (error) {
      if (error instanceof UnreadableReplay) json(response, 400, { error: error.message, field: error.field });
      else refuseTooLong(response, error);
    }
  },
  'GET /metrics': async (pipeline, _request, response) => json(response, 200, { series: pipeline.metrics.all() }),
  'GET /dashboard': async (pipeline, _request, response) => serveDashboard(response, pipeline),
  'GET /live': (pipeline, _request, response) => live(pipeline, response),
  'POST /fault': async (pipeline, request, response) => {
    try {
      json(response, 202, { done: await injectFault(pipeline, await bodyText(request, LONGEST_REQUEST_BYTES)) });
    } catch (error) {
      if (error instanceof UnknownFault) json(response, 400, { error: error.message });
      else refuseTooLong(response, error);
    }
  },
};

function refuseTooLong(response: ServerResponse, error: unknown): void {
  if (!(error instanceof BodyTooLong)) throw error;
  json(response, 413, { error: error.message });
}

export function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(`${JSON.stringify(body)}\n`);
}
