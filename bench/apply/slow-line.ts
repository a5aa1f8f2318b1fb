import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** A TCP line to `port` on this machine on which a request and its answer together take `roundTripMs` longer. */
export async function slowLine(port: number, roundTripMs: number): Promise<{ port: number; close(): void }> {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    for (const socket of [near, far]) {
      socket.setNoDelay(true);
      sockets.add(socket);
      // The other end is gone with it.
      socket.on('error', () => {});
    }
    // All of the delay on one way: a timer is a millisecond late now and then, and two would be twice as late.
    near.on('data', (chunk) => setTimeout(() => far.write(chunk), roundTripMs));
    far.on('data', (chunk) => near.write(chunk));
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as { port: number }).port,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
