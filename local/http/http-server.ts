import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { readReplayRequest, UnreadableReplay } from '../eventbridge/replay-request.ts';
import { injectFault, UnknownFault } from '../fault-injection.ts';
import type { LocalPipeline } from '../local-pipeline.ts';
import type { Shutdown } from '../shutdown.ts';
import { live } from './live.ts';
import { readManyEvents, readOneEvent, UnreadablePost } from './posted-lines.ts';

/** The port is taken; what to say is the whole story. */
export class PortInUse extends Error {}

/** The door for people and tools; answers 503 until a pipeline is there. */
export interface LocalHttpServer {
  url: string;
  serve(pipeline: LocalPipeline): void;
}

/** @throws {PortInUse} */
export async function startHttpServer(port: number, shutdown: Shutdown): Promise<LocalHttpServer> {
  let pipeline: LocalPipeline | undefined;
  const server = createServer((request, response) => {
    answer(request, response, pipeline).catch((error: Error) => {
      if (!response.headersSent) json(response, 500, { error: error.message });
      else response.destroy(error);
    });
  });
  // Thousands of events in one request take as long as they take.
  server.requestTimeout = 0;
  await listen(server, port);
  shutdown.add('the HTTP server', () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    serve(started) {
      pipeline = started;
    },
  };
}

async function listen(server: Server, port: number): Promise<void> {
  server.listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE')
      throw new PortInUse(`Port ${port} is in use. Choose another: npm start -- --port ${port + 1}`, { cause: error });
    if (code === 'EACCES')
      throw new PortInUse(
        `Port ${port} needs more rights than we have. Choose one above 1023: npm start -- --port 4000`,
        { cause: error },
      );
    throw new Error(`Cannot listen on port ${port}: ${message}`, { cause: error });
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  pipeline: LocalPipeline | undefined,
): Promise<void> {
  const { pathname } = new URL(request.url ?? '/', 'http://local');
  if (!isOurs(request))
    return json(response, 403, { error: 'Only this machine and the page itself may talk to the local run.' });
  if (pathname === '/') return page(response);
  const route = routes[`${request.method} ${pathname}`];
  if (!route) {
    const known = Object.keys(routes).join(', ');
    return json(response, 404, { error: `No ${request.method} ${pathname}. There are GET /, ${known}` });
  }
  if (!pipeline)
    return json(response, 503, { error: 'The local run is starting; a few seconds more.', starting: true });
  await route(pipeline, request, response);
}

type Route = (pipeline: LocalPipeline, request: IncomingMessage, response: ServerResponse) => Promise<void>;

const routes: Record<string, Route> = {
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
      const { from, to, rules } = readReplayRequest(await textOf(request), pipeline.blueprint.rules);
      json(response, 202, pipeline.replay(from, to, rules));
    } catch (error) {
      if (!(error instanceof UnreadableReplay)) throw error;
      json(response, 400, { error: error.message, field: error.field });
    }
  },
  'GET /metrics': async (pipeline, _request, response) => json(response, 200, { series: pipeline.metrics.all() }),
  'GET /live': (pipeline, _request, response) => live(pipeline, response),
  'POST /trouble': async (pipeline, request, response) => {
    try {
      json(response, 202, { done: await injectFault(pipeline, await textOf(request)) });
    } catch (error) {
      if (!(error instanceof UnknownFault)) throw error;
      json(response, 400, { error: error.message });
    }
  },
};

/** Read at each request: whoever works on the page reloads it and sees. */
function page(response: ServerResponse): void {
  response.writeHead(200, {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'content-security-policy':
      "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; img-src data:",
  });
  response.end(readFileSync(join(import.meta.dirname, 'page.html')));
}

/** A web page elsewhere must not drive the local run from a browser here: no other origin, and no name but loopback's. */
function isOurs({ headers }: IncomingMessage): boolean {
  const host = headers.host ?? '';
  if (!/^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(host)) return false;
  return headers.origin === undefined || headers.origin === `http://${host}`;
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' });
  response.end(`${JSON.stringify(body)}\n`);
}
