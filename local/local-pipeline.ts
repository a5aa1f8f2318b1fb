import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type PutEvent, startStandIn } from './backends/aws-endpoint.ts';
import { type LocalDatabase, openDatabase, type PlanState } from './backends/database.ts';
import { type AwsParts, createResources, type QueueDepth, startAwsParts } from './backends/sqs-s3-dynamodb.ts';
import { type Blueprint, readBlueprint } from './cloudformation/blueprint.ts';
import { type Synthesised, synthesise } from './cloudformation/synthesise.ts';
import { MetricStore } from './cloudwatch/metrics.ts';
import { EventTally, type OutcomeCounts, type ReplayAccount } from './event-tally.ts';
import { EventArchive } from './eventbridge/event-archive.ts';
import { type Delivery, EventBus } from './eventbridge/event-bus.ts';
import { type EventEnvelope, envelopeOf } from './eventbridge/event-envelope.ts';
import { LiveFeed } from './http/live-feed.ts';
import type { PostedEvent } from './http/stripe-event-shape.ts';
import { EventSourceMapping } from './lambda/event-source-mapping.ts';
import { functionEnvironment } from './lambda/function-environment.ts';
import { FunctionProcess } from './lambda/function-process.ts';
import { type DeferredMessage, InvocationReader } from './lambda/invocation-reader.ts';
import type { Shutdown } from './shutdown.ts';
import { type WorkLine, workLines } from './work-lines.ts';

/** What `GET /state` answers; the fields that design §8 fixes first, ours after them. */
export interface PipelineState {
  plans: PlanState[];
  posted: number;
  outcomes: OutcomeCounts;
  audited: number;
  queues: Record<string, QueueDepth>;
  idle: boolean;
  /** Live events that no target's queue took. */
  undelivered: number;
  replays: ReplayAccount[];
  /** Messages that went back to their queue and wait there. */
  deferred: DeferredMessage[];
  archive: { name: string; events: number };
  published_plan_events: number;
  database: { running: boolean; ours: boolean };
  functions: Record<string, FunctionState>;
}

/** A function that reads a queue. */
export interface FunctionState {
  kind: WorkLine['kind'];
  enabled: boolean;
  /** The ids of its processes. */
  processes: number[];
  queue: string;
  /** Where its events end up when they are lost: undelivered by the rule, failed in the function. */
  lost_queues: string[];
}

export interface PipelineOptions {
  shutdown: Shutdown;
  /** `DATABASE_URL` of the user's own. */
  ownDatabaseUrl: string | undefined;
  /** Whom the workers ask, and with which key; an empty key leaves an undecidable event waiting. */
  stripe: { apiBase: string | undefined; secretKey: string };
  /** A line for a person at the terminal. */
  tell(text: string): void;
}

/** Lambda would run more; two of each keep a machine of two cores busy already. */
const MOST_PROCESSES = 2;
/** So many events are matched and sent at a time; a post of many thousands then needs little memory. */
const EVENTS_AT_A_TIME = 200;

const RECENT_EVENTS = 50;

/** The whole pipeline on this machine, built from the synthesised template. */
export class LocalPipeline {
  readonly blueprint: Blueprint;
  readonly database: LocalDatabase;
  readonly metrics = new MetricStore();
  readonly feed = new LiveFeed();
  readonly #accounts = new EventTally();
  readonly #parts: AwsParts;
  readonly #buses: Map<string, EventBus>;
  readonly #archive: EventArchive;
  readonly #lines: WorkLine[];
  readonly #reader: InvocationReader;
  readonly #tell: (text: string) => void;
  readonly #processes = new Map<string, FunctionProcess[]>();
  readonly #mappings = new Map<string, EventSourceMapping>();
  #publishedPlanEvents = 0;
  /** The last events posted, for whoever wants to deliver them again. */
  readonly recent: PostedEvent[] = [];
  /** A place for what a request needs on disk; goes with the run. */
  readonly folder: string;
  /** Everything that was archived so far lies after this moment. */
  readonly startedAt = new Date();

  static async start(options: PipelineOptions): Promise<LocalPipeline> {
    const { shutdown } = options;
    const folder = mkdtempSync(join(tmpdir(), 'stripe-eventbridge-local-'));
    shutdown.add('the temporary folder', () => rmSync(folder, { recursive: true, force: true }));
    const [synthesised, parts, database] = await Promise.all([
      shutdown.starts(synthesise(join(folder, 'cdk.out'), (kill) => shutdown.interrupt(kill))),
      shutdown.starts(startAwsParts(shutdown)),
      shutdown.starts(openDatabase(options.ownDatabaseUrl, shutdown)),
    ]);
    const pipeline = new LocalPipeline(options, folder, synthesised, parts, database);
    await shutdown.starts(createResources(pipeline.blueprint, parts));
    await shutdown.starts(pipeline.#startFunctions(options));
    return pipeline;
  }

  private constructor(
    { tell, shutdown }: PipelineOptions,
    folder: string,
    synthesised: Synthesised,
    parts: AwsParts,
    database: LocalDatabase,
  ) {
    this.folder = folder;
    this.blueprint = readBlueprint(synthesised, parts.queuesEndpoint);
    this.database = database;
    this.#parts = parts;
    this.#tell = tell;
    const { archive, busNames, rules, queues } = this.blueprint;
    const delivering = new AbortController();
    shutdown.interrupt(() => delivering.abort());
    this.#buses = new Map(
      busNames.map((name) => [
        name,
        new EventBus({
          rules: rules.filter((rule) => rule.busName === name),
          queues,
          sqs: parts.sqs,
          signal: delivering.signal,
        }),
      ]),
    );
    this.#archive = new EventArchive(join(folder, 'archive.ndjson'), archive.matches);
    this.#lines = workLines(this.blueprint);
    this.#reader = new InvocationReader({
      accounts: this.#accounts,
      metrics: this.metrics,
      feed: this.feed,
      complain: quieter(tell),
    });
  }

  async #startFunctions({ shutdown, stripe }: PipelineOptions): Promise<void> {
    const { secrets, busNames } = this.blueprint;
    const secret = JSON.stringify({
      DATABASE_URL: this.database.url,
      STRIPE_SECRET_KEY: stripe.secretKey,
      API_KEY: '',
    });
    const standIn = await startStandIn({
      secrets: new Map(
        secrets.flatMap(({ arn, name }) => [
          [arn, secret],
          [name, secret],
        ]),
      ),
      busNames,
      onPutEvent: (event) => this.#onPutEvent(event),
      shutdown,
    });
    const endpoints = { queues: this.#parts.queuesEndpoint, tables: this.#parts.tablesEndpoint, standIn };
    const extra: Record<string, string> = stripe.apiBase === undefined ? {} : { STRIPE_API_BASE: stripe.apiBase };
    const polling = new AbortController();
    for (const line of this.#lines) {
      const environment = functionEnvironment(line.fn, endpoints, this.folder, extra);
      // One message group at a time makes more than one process of a FIFO queue's function wait for the other.
      const wanted = Math.min(line.mapping.maximumConcurrency, line.kind === 'audit' ? 1 : MOST_PROCESSES);
      const processes = Array.from(
        { length: wanted },
        () => new FunctionProcess(line.fn, environment, (text) => this.#reader.readLine(line.fn.name, text)),
      );
      this.#processes.set(line.fn.name, processes);
      shutdown.add(`the processes of ${line.fn.name}`, () => Promise.all(processes.map((process) => process.stop())));
    }
    await Promise.all([...this.#processes.values()].flat().map((process) => process.start()));
    for (const line of this.#lines) {
      const mapping = new EventSourceMapping({
        mapping: line.mapping,
        queue: line.queue,
        sqs: this.#parts.sqs,
        processes: this.#processes.get(line.fn.name)!,
        onInvoked: (messages, invoked, done) => this.#reader.read(line, messages, invoked, done),
        signal: polling.signal,
      });
      this.#mappings.set(line.fn.name, mapping);
    }
    shutdown.interrupt(() => polling.abort());
  }

  /** Puts Stripe's events on the bus, as the partner source would. @returns their ids, in their order. */
  async post(events: Iterable<PostedEvent> | AsyncIterable<PostedEvent>): Promise<string[]> {
    const ids: string[] = [];
    await this.#accounts.whileDelivering(async () => {
      let chunk: PostedEvent[] = [];
      for await (const event of events) {
        ids.push(event.id);
        chunk.push(event);
        if (chunk.length === EVENTS_AT_A_TIME) {
          await this.#take(chunk);
          chunk = [];
        }
      }
      await this.#take(chunk);
    });
    return ids;
  }

  async #take(events: PostedEvent[]): Promise<void> {
    const bus = this.#partnerBus;
    const envelopes = events.map((event) => envelopeOf(this.blueprint.sourceName, event.type, event));
    this.#accounts.posted += events.length;
    this.recent.push(...events);
    this.recent.splice(0, this.recent.length - RECENT_EVENTS);
    for (const envelope of envelopes) {
      const to = this.#linesOf(bus, envelope);
      this.feed.add({
        kind: 'posted',
        event_id: (envelope.detail as PostedEvent).id,
        type: envelope['detail-type'],
        to: to.map(({ fn }) => fn.name),
      });
      if (!to.some(({ kind }) => kind === 'worker')) this.#accounts.outcomes.unrouted += 1;
    }
    await this.#archive.keep(envelopes);
    const ingested = Date.now();
    this.#book(await bus.deliver(envelopes), ingested);
  }

  /** Whose queues an event goes to, `only` through the rules named when given. */
  #linesOf(bus: EventBus, envelope: EventEnvelope, only?: ReadonlySet<string>): WorkLine[] {
    const arns = bus.matching(envelope, only).flatMap(({ targets }) => targets.map(({ queueArn }) => queueArn));
    return this.#lines.filter(({ queue }) => arns.includes(queue.arn));
  }

  get #partnerBus(): EventBus {
    return this.#buses.get(this.blueprint.busName)!;
  }

  #book(deliveries: Delivery[], ingested: number): void {
    const latency = Date.now() - ingested;
    for (const { envelope, rule, queue, outcome } of deliveries) {
      const dimensions = { EventBusName: rule.busName, RuleName: rule.name };
      this.metrics.put('AWS/Events', 'Invocations', dimensions, 'Count', [1]);
      if ('undelivered' in outcome) {
        this.metrics.put('AWS/Events', 'FailedInvocations', dimensions, 'Count', [1]);
        if (envelope['replay-name'] === undefined) this.#accounts.undelivered += 1;
        this.#tell(`Rule ${rule.name} could not deliver to ${queue.name}: ${outcome.undelivered}`);
        this.feed.add({
          kind: 'undelivered',
          by: rule.name,
          type: envelope['detail-type'],
          reason: outcome.undelivered,
        });
      } else {
        this.metrics.put('AWS/Events', 'IngestionToInvocationSuccessLatency', dimensions, 'Milliseconds', [latency]);
        const kind = this.#lines.find((line) => line.queue.arn === queue.arn)?.kind;
        if (kind) this.#accounts.sent(outcome.messageId, { kind, replayName: envelope['replay-name'] });
      }
    }
  }

  /**
   * Replays the archive as EventBridge would: onto the same bus, marked with a name, in no order, not archived again.
   * @param rules by name; without them every rule sees the replay
   */
  replay(from: Date, to: Date, rules?: string[]): ReplayAccount {
    const only = rules === undefined ? undefined : new Set(rules);
    const names = only ? [...only] : this.#partnerBus.rules.map(({ name }) => name);
    const name = `local-${new Date().toISOString().replace(/[:.]/g, '-')}`;
    const account = this.#accounts.openReplay({ name, from: from.toISOString(), to: to.toISOString(), rules: names });
    this.feed.add({ kind: 'replay', replay_name: name, text: `replay of ${account.from} to ${account.to}` });
    void this.#accounts.whileDelivering(async () => {
      for await (const slice of this.#archive.slices(from, to)) {
        const marked = slice.map((envelope) => ({ ...envelope, 'replay-name': name }));
        account.events += marked.length;
        const unrouted = marked.filter(
          (envelope) => !this.#linesOf(this.#partnerBus, envelope, only).some(({ kind }) => kind === 'worker'),
        );
        account.outcomes.unrouted += unrouted.length;
        for (let index = 0; index < marked.length; index += EVENTS_AT_A_TIME) {
          const ingested = Date.now();
          this.#book(await this.#partnerBus.deliver(marked.slice(index, index + EVENTS_AT_A_TIME), only), ingested);
        }
      }
      account.state = 'sent';
    });
    return account;
  }

  /** A message on a bus of ours, from a function: counted, and given to the rules of that bus. */
  #onPutEvent({ busName, source, detailType, detail }: PutEvent): void {
    this.#publishedPlanEvents += 1;
    const customer = (detail as { payload?: { customer_id?: string } }).payload?.customer_id;
    this.feed.add({
      kind: 'published',
      type: detailType,
      by: busName,
      ...(customer === undefined ? {} : { customer_id: customer }),
    });
    const bus = this.#buses.get(busName)!;
    const ingested = Date.now();
    void bus.deliver([envelopeOf(source, detailType, detail)]).then((deliveries) => this.#book(deliveries, ingested));
  }

  /** Pauses or resumes a function, as disabling and enabling its event source mapping would. */
  setEnabled(functionName: string, enabled: boolean): void {
    this.#mappings.get(functionName)!.enabled = enabled;
  }

  /** The functions that read a queue. */
  get functionNames(): string[] {
    return [...this.#mappings.keys()];
  }

  get idle(): boolean {
    return this.#accounts.idle;
  }

  get underWay(): number {
    return this.#accounts.underWay;
  }

  get outcomes(): OutcomeCounts {
    return this.#accounts.outcomes;
  }

  get replays(): readonly ReplayAccount[] {
    return this.#accounts.replays;
  }

  async state(): Promise<PipelineState> {
    const [plans, queues] = await Promise.all([this.database.planStates(), this.#parts.depths()]);
    if (this.#accounts.underWay > 0) await this.#bookReceivedTooOften(queues);
    const { posted, outcomes, audited, idle, undelivered, replays } = this.#accounts;
    return {
      plans,
      posted,
      outcomes,
      audited,
      queues,
      idle,
      undelivered,
      replays,
      deferred: [...this.#reader.deferred.values()],
      archive: { name: this.blueprint.archive.name, events: this.#archive.count },
      published_plan_events: this.#publishedPlanEvents,
      database: { running: this.database.running, ours: this.database.ours },
      functions: Object.fromEntries(this.#lines.map((line) => [line.fn.name, this.#functionState(line)])),
    };
  }

  #functionState({ kind, fn, queue, deadLetterQueueNames }: WorkLine): FunctionState {
    return {
      kind,
      enabled: this.#mappings.get(fn.name)?.enabled ?? false,
      processes: this.#processes.get(fn.name)?.flatMap(({ pid }) => pid ?? []) ?? [],
      queue: queue.name,
      lost_queues: deadLetterQueueNames,
    };
  }

  /** What SQS itself moved to a failed queue keeps its message id; its function never said how it ended. */
  async #bookReceivedTooOften(depths: Record<string, QueueDepth>): Promise<void> {
    for (const { failedQueueName } of this.#lines) {
      if (failedQueueName === undefined || depths[failedQueueName]?.visible === 0) continue;
      for (const { messageId } of await this.#parts.peek(failedQueueName)) {
        const sent = this.#accounts.sentMessage(messageId);
        if (sent)
          this.#accounts.settle({
            messageId,
            replayName: sent.replayName,
            outcome: sent.kind === 'worker' ? 'parked' : 'unaudited',
          });
      }
    }
  }
}

/** Passes each text on once in ten seconds: an outage must not write a thousand equal lines. */
function quieter(tell: (text: string) => void): (text: string) => void {
  const told = new Map<string, number>();
  return (text) => {
    const now = Date.now();
    if (now - (told.get(text) ?? 0) < 10_000) return;
    told.set(text, now);
    tell(text);
  };
}
