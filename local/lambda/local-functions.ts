import type { SQSClient } from '@aws-sdk/client-sqs';
import type { FunctionBlueprint } from '../cloudformation/functions.ts';
import type { Shutdown } from '../shutdown.ts';
import { EventSourceMapping } from './event-source-mapping.ts';
import { FunctionProcess, type Invoked } from './function-process.ts';
import type { InvocationReader } from './invocation-reader.ts';
import type { QueueConsumer } from './queue-consumers.ts';

/** A function that reads a queue, as `GET /state` shows it. */
export interface FunctionState {
  kind: QueueConsumer['kind'];
  enabled: boolean;
  /** The ids of its processes. */
  processes: number[];
  queue: string;
  /** Where its events end up that nobody processed: undelivered by the rule, failed in the function. */
  dead_letter_queues: string[];
}

export interface LocalFunctionsOptions {
  functions: FunctionBlueprint[];
  consumers: QueueConsumer[];
  environmentOf(fn: FunctionBlueprint): Record<string, string>;
  sqs: SQSClient;
  reader: InvocationReader;
  shutdown: Shutdown;
}

/** Lambda would run more; two of each keep a machine of two cores busy already. */
const MOST_PROCESSES = 2;

/** Every function of the template: those that read a queue run from the start, the others when somebody invokes them. */
export class LocalFunctions {
  readonly #consumers: QueueConsumer[];
  readonly #reader: InvocationReader;
  readonly #processes: Map<string, FunctionProcess[]>;
  readonly #mappings = new Map<string, EventSourceMapping>();
  /** The last one of each function that is invoked directly. */
  readonly #invocations = new Map<string, Promise<Invoked>>();

  /** @throws {Error} when a bundle does not load. */
  static async start(options: LocalFunctionsOptions): Promise<LocalFunctions> {
    const functions = new LocalFunctions(options);
    await functions.#startConsumers(options);
    return functions;
  }

  private constructor({ functions, consumers, environmentOf, reader, shutdown }: LocalFunctionsOptions) {
    this.#consumers = consumers;
    this.#reader = reader;
    this.#processes = new Map(
      functions.map((fn) => {
        const environment = environmentOf(fn);
        const processes = Array.from(
          { length: processCount(consumers.find((consumer) => consumer.fn === fn)) },
          () => new FunctionProcess(fn, environment, (text) => reader.readLine(fn.name, text)),
        );
        shutdown.add(`the processes of ${fn.name}`, () => Promise.all(processes.map((process) => process.stop())));
        return [fn.name, processes];
      }),
    );
  }

  async #startConsumers({ consumers, sqs, reader, shutdown }: LocalFunctionsOptions): Promise<void> {
    const polling = new AbortController();
    const processesOf = ({ fn }: QueueConsumer) => this.#processes.get(fn.name)!;
    await Promise.all(consumers.flatMap(processesOf).map((process) => process.start()));
    for (const consumer of consumers) {
      const mapping = new EventSourceMapping({
        mapping: consumer.mapping,
        queue: consumer.queue,
        sqs,
        processes: processesOf(consumer),
        onInvoked: (messages, invoked, done) => reader.read(consumer, messages, invoked, done),
        signal: polling.signal,
      });
      this.#mappings.set(consumer.fn.name, mapping);
    }
    shutdown.interrupt(() => polling.abort());
  }

  /** Invokes a function that no queue feeds, after whatever it is busy with. */
  async invoke(functionName: string, event: unknown): Promise<Invoked> {
    const [process] = this.#processes.get(functionName) ?? [];
    if (!process) throw new Error(`No function ${functionName} in the template`);
    // Two schedules may name one function, whose process takes one event at a time.
    const before = this.#invocations.get(functionName);
    const invocation = Promise.resolve(before).then(() => process.invoke(event));
    this.#invocations.set(functionName, invocation);
    const invoked = await invocation;
    for (const line of invoked.lines) this.#reader.readLine(functionName, line);
    this.#reader.count(functionName, invoked);
    return invoked;
  }

  /** Pauses or resumes a function, as disabling and enabling its event source mapping would. */
  setEnabled(functionName: string, enabled: boolean): void {
    this.#mappings.get(functionName)!.enabled = enabled;
  }

  /** The functions that read a queue. */
  get consumerNames(): string[] {
    return [...this.#mappings.keys()];
  }

  get states(): Record<string, FunctionState> {
    return Object.fromEntries(
      this.#consumers.map(({ kind, fn, queue, deadLetterQueueNames }) => [
        fn.name,
        {
          kind,
          enabled: this.#mappings.get(fn.name)?.enabled ?? false,
          processes: this.#processes.get(fn.name)!.flatMap(({ pid }) => pid ?? []),
          queue: queue.name,
          dead_letter_queues: deadLetterQueueNames,
        },
      ]),
    );
  }
}

/** What runs by the clock runs one at a time. */
const processCount = (consumer: QueueConsumer | undefined): number =>
  consumer === undefined ? 1 : Math.min(consumer.mapping.maximumConcurrency, MOST_PROCESSES);
