import { AsyncLocalStorage } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:dgram';

/** Part of a trace. @see https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html */
interface Subsegment {
  id: string;
  name: string;
  start_time: number;
  end_time: number;
  namespace?: 'remote';
  /** What traces can be searched by: `annotation.event_id = "evt_…"`. */
  annotations?: Record<string, string>;
  /** It failed. */
  fault?: true;
  subsegments?: Subsegment[];
}

const current = new AsyncLocalStorage<Subsegment>();

/**
 * Runs the settling of one event as a part of the invocation's trace, found by its annotations; what {@link traced} calls do meanwhile
 * become its parts.
 *
 * Writes X-Ray's own documents to the daemon that Lambda runs beside every traced function: the SDKs cost more to start than an event to
 * settle (docs/decisions/0006-traces.md). Does nothing where the invocation is not sampled, or outside Lambda.
 * @throws whatever `settle` throws; never because of tracing.
 */
export async function traceEvent<Result extends { outcome: string }>(
  annotations: Record<string, string>,
  settle: () => Promise<Result>,
): Promise<Result> {
  const trace = sampledTrace();
  if (!trace) return settle();
  const part = begun('event', { annotations });
  try {
    const result = await current.run(part, settle);
    part.annotations = { ...annotations, outcome: result.outcome };
    return result;
  } catch (error) {
    part.fault = true;
    throw error;
  } finally {
    await send({ ...ended(part), type: 'subsegment', trace_id: trace.root, parent_id: trace.parent });
  }
}

/** The same call, shown under `name` in the trace of the event that makes it. */
export function traced<Args extends unknown[], Result>(
  name: string,
  call: (...args: Args) => Promise<Result>,
): (...args: Args) => Promise<Result> {
  return async (...args) => {
    const event = current.getStore();
    if (!event) return call(...args);
    const part = begun(name, { namespace: 'remote' });
    try {
      return await call(...args);
    } catch (error) {
      part.fault = true;
      throw error;
    } finally {
      event.subsegments = [...(event.subsegments ?? []), ended(part)];
    }
  };
}

/** What makes those who hear of the event part of its trace: `TraceHeader` of an entry of PutEvents. Undefined when nothing is traced. */
export function traceHeader(): string | undefined {
  const trace = sampledTrace();
  const event = current.getStore();
  return trace && event && `Root=${trace.root};Parent=${event.id};Sampled=1`;
}

/** Lambda sets it anew for each invocation: `Root=1-…;Parent=…;Sampled=1;Lineage=…`. */
function sampledTrace(): { root: string; parent: string } | undefined {
  const header = process.env._X_AMZN_TRACE_ID ?? '';
  const part = (name: string) => new RegExp(`(?:^|;)${name}=([^;]+)`).exec(header)?.[1];
  const root = part('Root');
  const parent = part('Parent');
  return root && parent && part('Sampled') === '1' && process.env.AWS_XRAY_DAEMON_ADDRESS
    ? { root, parent }
    : undefined;
}

const begun = (name: string, more: Partial<Subsegment>): Subsegment => ({
  id: randomBytes(8).toString('hex'),
  name,
  start_time: Date.now() / 1000,
  end_time: 0,
  ...more,
});

const ended = (part: Subsegment): Subsegment => ({ ...part, end_time: Date.now() / 1000 });

let socket: Socket | undefined;

/** Waits until it is on its way, or Lambda would freeze it; whether it arrives is not known, and must not matter to an event. */
function send(document: object): Promise<void> {
  const [host, port] = process.env.AWS_XRAY_DAEMON_ADDRESS!.split(':');
  // Loaded here and not above: most functions are not traced, and it takes 2 ms of their start.
  socket ??= process
    .getBuiltinModule('node:dgram')
    .createSocket('udp4')
    .on('error', () => {})
    .unref();
  return new Promise((resolve) => {
    socket!.send(`{"format": "json", "version": 1}\n${JSON.stringify(document)}`, Number(port), host, () => resolve());
  });
}
