import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { BodyTooLong, bodyText } from '../http/body.ts';
import type { Shutdown } from '../shutdown.ts';
import { strangerReason } from './loopback-guard.ts';

/** One entry of a PutEvents call that passed the checks. */
export interface PutEvent {
  busName: string;
  source: string;
  detailType: string;
  detail: object;
}

export interface AwsEndpointOptions {
  /** By ARN and by name: the secret's text. */
  secrets: Map<string, string>;
  busNames: string[];
  onPutEvent(event: PutEvent): void;
  shutdown: Shutdown;
}

/** An answer as AWS gives it when it refuses. */
class Refusal extends Error {
  readonly type: string;

  constructor(type: string, message: string) {
    super(message);
    this.type = type;
  }
}

/** The service's own limits. @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html */
const MOST_ENTRIES = 10;
const MOST_BYTES = 1024 * 1024;
/** JSON in JSON: an escaped entry is longer than the entry. */
const LONGEST_BODY_BYTES = 8 * MOST_BYTES;

/**
 * A loopback server that speaks the two calls for which no local part exists: Secrets Manager's GetSecretValue and EventBridge's PutEvents.
 * Answers this run's functions and nobody else: the secret holds the database's password and perhaps a Stripe key.
 * @returns its address, for `AWS_ENDPOINT_URL_SECRETS_MANAGER` and `AWS_ENDPOINT_URL_EVENTBRIDGE`.
 */
export async function startAwsEndpoint({
  secrets,
  busNames,
  onPutEvent,
  shutdown,
}: AwsEndpointOptions): Promise<string> {
  const answer = (target: string, body: string): object => {
    switch (target) {
      case 'secretsmanager.GetSecretValue':
        return getSecretValue(secrets, JSON.parse(body) as { SecretId?: unknown });
      case 'AWSEvents.PutEvents':
        return putEvents(busNames, JSON.parse(body) as { Entries?: unknown }, body.length, onPutEvent);
      default:
        throw new Refusal(
          'UnknownOperationException',
          `The local run does not speak ${target || 'a call without X-Amz-Target'}`,
        );
    }
  };
  const server = createServer(async (request, response) => {
    const stranger = strangerReason(request);
    if (stranger !== undefined) return reply(response, 403, { __type: 'AccessDeniedException', message: stranger });
    try {
      const body = await bodyText(request, LONGEST_BODY_BYTES);
      reply(response, 200, answer(String(request.headers['x-amz-target'] ?? ''), body));
    } catch (error) {
      const type =
        error instanceof Refusal
          ? error.type
          : error instanceof BodyTooLong
            ? 'RequestEntityTooLargeException'
            : 'SerializationException';
      reply(response, 400, { __type: type, message: (error as Error).message });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  shutdown.add('the fake AWS endpoint', () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function getSecretValue(secrets: Map<string, string>, { SecretId: id }: { SecretId?: unknown }): object {
  const text = secrets.get(String(id));
  if (text === undefined)
    throw new Refusal('ResourceNotFoundException', "Secrets Manager can't find the specified secret.");
  return { ARN: id, Name: id, VersionId: 'local', SecretString: text, VersionStages: ['AWSCURRENT'] };
}

function putEvents(
  busNames: string[],
  { Entries: entries }: { Entries?: unknown },
  bytes: number,
  onPutEvent: (event: PutEvent) => void,
): object {
  if (!Array.isArray(entries) || entries.length === 0 || entries.length > MOST_ENTRIES) {
    throw new Refusal('ValidationException', `Entries must hold 1 to ${MOST_ENTRIES} entries`);
  }
  if (bytes > MOST_BYTES)
    throw new Refusal('ValidationException', `Entries are larger than ${MOST_BYTES} bytes together`);
  const results = entries.map((entry) => {
    const read = readEntry(entry as Record<string, unknown>, busNames);
    if ('ErrorCode' in read) return read;
    onPutEvent(read);
    return { EventId: crypto.randomUUID() };
  });
  return { FailedEntryCount: results.filter((result) => 'ErrorCode' in result).length, Entries: results };
}

function readEntry(
  entry: Record<string, unknown>,
  busNames: string[],
): PutEvent | { ErrorCode: string; ErrorMessage: string } {
  const refuse = (ErrorCode: string, ErrorMessage: string) => ({ ErrorCode, ErrorMessage });
  for (const field of ['Source', 'DetailType', 'Detail']) {
    if (typeof entry[field] !== 'string' || entry[field] === '')
      return refuse('InvalidArgument', `Parameter ${field} is not valid. Reason: ${field} is a required argument.`);
  }
  let detail: unknown;
  try {
    detail = JSON.parse(String(entry.Detail));
  } catch {
    return refuse('MalformedDetail', 'Detail is malformed.');
  }
  if (typeof detail !== 'object' || detail === null || Array.isArray(detail))
    return refuse('MalformedDetail', 'Detail is malformed.');
  const busName = String(entry.EventBusName ?? 'default').replace(/^arn:.*event-bus\//, '');
  if (!busNames.includes(busName)) return refuse('ResourceNotFoundException', `Event bus ${busName} does not exist.`);
  return { busName, source: String(entry.Source), detailType: String(entry.DetailType), detail };
}

function reply(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' });
  response.end(JSON.stringify(body));
}
