import { once } from 'node:events';
import { createServer } from 'node:http';

/** Answers every AWS service that a worker calls as if all were well, at once; counts the requests by their name. */
export async function awsAnswers(secret: object) {
  const requests: Record<string, number> = {};
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      const name = String(request.headers['x-amz-target'] ?? 'other')
        .split('.')
        .pop()!;
      requests[name] = (requests[name] ?? 0) + 1;
      response.setHeader('content-type', 'application/x-amz-json-1.1');
      response.end(JSON.stringify(answerTo(name, body, secret)));
    });
  }).listen(0, '127.0.0.1');
  server.keepAliveTimeout = 60_000;
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return { url: `http://127.0.0.1:${port}`, requests, close: () => server.closeAllConnections() ?? server.close() };
}

function answerTo(name: string, body: string, secret: object): object {
  if (name === 'GetSecretValue') return { SecretString: JSON.stringify(secret) };
  if (name === 'PutEvents')
    return {
      FailedEntryCount: 0,
      Entries: (JSON.parse(body) as { Entries: object[] }).Entries.map(() => ({ EventId: '1' })),
    };
  return {};
}
