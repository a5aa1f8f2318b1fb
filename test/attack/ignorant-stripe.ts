import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Shutdown } from '../../local/shutdown.ts';

/** A Stripe that is well, and knows nothing of what hostile events name. */
export async function ignorantStripe(shutdown: Shutdown): Promise<string> {
  const server = createServer((_request, response) => {
    response.writeHead(404, { 'content-type': 'application/json' });
    response.end('{"error":{"type":"invalid_request_error","code":"resource_missing","message":"No such object"}}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  shutdown.add('Stripe', () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
