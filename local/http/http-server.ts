import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isLoopbackHost } from '../backends/loopback-guard.ts';
import type { LocalPipeline } from '../local-pipeline.ts';
import type { Shutdown } from '../shutdown.ts';
import { pageFile, servePageFile } from './pages.ts';
import { json, routes } from './routes.ts';

/** The port is taken; the message says which other to choose. */
export class PortInUse extends Error {}

/** What people and tools talk to; answers 503 until a pipeline is there. */
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
  // Not `new URL`: a path such as `//` is none.
  const path = (request.url ?? '/').split('?')[0]!;
  const route = `${request.method} ${path}`;
  if (!mayAsk(request, route))
    return json(response, 403, { error: 'Only this machine and the page itself may talk to the local run.' });
  const file = request.method === 'GET' ? pageFile(path) : undefined;
  if (file !== undefined) return servePageFile(response, file);
  const serve = Object.hasOwn(routes, route) ? routes[route] : undefined;
  if (!serve) {
    const known = Object.keys(routes).join(', ');
    return json(response, 404, { error: `No ${route}. There are GET /, ${known}` });
  }
  if (!pipeline)
    return json(response, 503, { error: 'The local run is starting; a few seconds more.', starting: true });
  await serve(pipeline, request, response);
}

/**
 * A container's name for the machine that it runs on: `stripe listen --forward-to` from one carries it as its Host. Docker answers for
 * the name, so no web page elsewhere can point it here; it may post events, and nothing else.
 */
const containersName = /^host\.docker\.internal(:\d+)?$/;

/** A web page elsewhere must not drive the local run from a browser here: no other origin, and no name but loopback's. */
function mayAsk({ headers }: IncomingMessage, route: string): boolean {
  const { host = '', origin } = headers;
  if (containersName.test(host)) return route === 'POST /stripe' && origin === undefined;
  return isLoopbackHost(host) && (origin === undefined || origin === `http://${host}`);
}
