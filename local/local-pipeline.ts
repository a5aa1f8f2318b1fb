import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type PutEvent, startAwsEndpoint } from './backends/aws-endpoint.ts';
import { type LocalDatabase, openDatabase } from './backends/database.ts';
import { type AwsParts, createResources, type LocalQueueDepth, startAwsParts } from './backends/sqs-s3-dynamodb.ts';
import { type Blueprint, readBlueprint } from './cloudformation/blueprint.ts';
import { type Synthesised, synthesise } from './cloudformation/synthesise.ts';
import { LiveAlarms } from './cloudwatch/live-alarms.ts';
import { MetricStore } from './cloudwatch/metric-store.ts';
import { measureQueues } from './cloudwatch/queue-depths.ts';
import { dashboardOf, type StackDashboard } from './cloudwatch/stack-dashboard.ts';
import { DeliveryRecorder } from './delivery-recorder.ts';
import { EventTally, type OutcomeCounts, type ReplayTally } from './event-tally.ts';
import { ApiDestination } from './eventbridge/api-destination.ts';
import { EventArchive } from './eventbridge/event-archive.ts';
import { EventBus } from './eventbridge/event-bus.ts';
import { type EventEnvelope, envelopeOf } from './eventbridge/event-envelope.ts';
import { PublishedPlanEvents } from './eventbridge/published-plan-events.ts';
import { Schedules } from './eventbridge/schedules.ts';
import { type Forward, templateContextFor } from './forward.ts';
import { LiveFeed } from './http/live-feed.ts';
import type { PostedEvent } from './http/stripe-event-shape.ts';
import { functionEnvironment } from './lambda/function-environment.ts';
import { InvocationReader } from './lambda/invocation-reader.ts';
import { LocalFunctions } from './lambda/local-functions.ts';
import { type QueueConsumer, queueConsumers } from './lambda/queue-consumers.ts';
import type { PipelineState } from './pipeline-state.ts';
import type { Shutdown } from './shutdown.ts';

/** Where the run finds Stripe. */
export interface StripePlayed {
  /** Undefined: Stripe's own. */
  apiBase: string | undefined;
  /** Empty: an undecidable event waits. */
  secretKey: string;
  /** Whether an event destination there sends to the local run's event source: the demonstration's does, and no other. */
  sendsHere: boolean;
}

export interface PipelineOptions {
  shutdown: Shutdown;
  /** `DATABASE_URL` of the user's own. */
  ownDatabaseUrl: string | undefined;
  /** Whom the functions ask. */
  stripe: StripePlayed;
  forward: Forward | undefined;
  /** A line for a person at the terminal. */
  say(text: string): void;
}

/** So many events are matched and sent at a time; a post of many thousands then needs little memory. */
const EVENTS_AT_A_TIME = 200;
/** Of the events posted last, so many are at hand for being delivered again. */
const RECENT_EVENTS = 50;

/** What every part of the run stands on, before there are functions. */
interface Foundation {
  folder: string;
  synthesised: Synthesised;
  parts: AwsParts;
  database: LocalDatabase;
}

/**
 * The whole pipeline on this machine, built from the synthesised template.
 *
 * Long, because it is the one place that knows every part: what starts before what, and what stops after it, is read here from top to bottom.
 */
export class LocalPipeline {
  readonly blueprint: Blueprint;
  readonly database: LocalDatabase;
  readonly metrics = new MetricStore();
  readonly feed: LiveFeed;
  /** A place for what a request needs on disk; goes with the run. */
  readonly folder: string;
  /** The last events posted, for whoever wants to deliver them again. */
  readonly recent: PostedEvent[] = [];
  /** Everything that was archived so far lies after this moment. */
  readonly startedAt = new Date();
  readonly #tally = new EventTally();
  readonly #parts: AwsParts;
  readonly #consumers: QueueConsumer[];
  readonly #buses: Map<string, EventBus>;
  readonly #archive: EventArchive;
  readonly #planEvents = new PublishedPlanEvents();
  readonly #deliveries: DeliveryRecorder;
  readonly #reader: InvocationReader;
  readonly #complain: (text: string) => void;
  readonly #forward: Forward | undefined;
  readonly schedules: Schedules;
  readonly dashboard: StackDashboard;
  readonly #alarms: LiveAlarms;
  #functions: LocalFunctions | undefined;

  static async start(options: PipelineOptions): Promise<LocalPipeline> {
    const { shutdown, say, forward, ownDatabaseUrl: ownUrl } = options;
    const folder = mkdtempSync(join(tmpdir(), 'stripe-eventbridge-local-'));
    shutdown.add('the temporary folder', () => rmSync(folder, { recursive: true, force: true }));
    const feed = new LiveFeed();
    const complain = complaints(say, feed);
    const [synthesised, parts, database] = await Promise.all([
      shutdown.starts(
        synthesise(join(folder, 'cdk.out'), {
          context: templateContextFor(forward),
          onStart: (kill) => shutdown.interrupt(kill),
        }),
      ),
      shutdown.starts(startAwsParts(shutdown, folder)),
      shutdown.starts(openDatabase({ ownUrl, shutdown, complain })),
    ]);
    const pipeline = new LocalPipeline(options, { folder, synthesised, parts, database }, feed, complain);
    await shutdown.starts(createResources(pipeline.blueprint, parts));
    await shutdown.starts(pipeline.#startFunctions(options));
    measureQueues(parts, pipeline.metrics, shutdown);
    return pipeline;
  }

  private constructor(
    { say, shutdown, forward }: PipelineOptions,
    { folder, synthesised, parts, database }: Foundation,
    feed: LiveFeed,
    complain: (text: string) => void,
  ) {
    this.folder = folder;
    this.feed = feed;
    this.dashboard = dashboardOf(synthesised.template, synthesised.stackName);
    this.#alarms = new LiveAlarms(this.dashboard.alarms, this.metrics);
    this.blueprint = readBlueprint(synthesised, parts.queuesEndpoint);
    this.database = database;
    this.#parts = parts;
    this.#complain = complain;
    this.#forward = forward;
    const { archive, busNames, schedules } = this.blueprint;
    const delivering = new AbortController();
    shutdown.interrupt(() => delivering.abort());
    this.#buses = new Map(busNames.map((name) => [name, this.#busOf(name, delivering.signal)]));
    this.#archive = new EventArchive(join(folder, 'archive.ndjson'), archive.matches);
    this.#consumers = queueConsumers(this.blueprint);
    const counted = { tally: this.#tally, metrics: this.metrics, feed };
    this.#deliveries = new DeliveryRecorder({ ...counted, consumers: this.#consumers, say });
    this.#reader = new InvocationReader({ ...counted, complain });
    this.schedules = new Schedules({
      schedules,
      invoke: (name, event) => this.#functions!.invoke(name, event),
      complain,
      signal: delivering.signal,
    });
  }

  #busOf(busName: string, signal: AbortSignal): EventBus {
    const { rules, queues, apiDestinations } = this.blueprint;
    const forward = this.#forward;
    const destinations = new Map(
      forward === undefined
        ? []
        : apiDestinations.map((blueprint) => [
            blueprint.arn,
            new ApiDestination({ ...forward, blueprint, deadLetter: (...args) => bus.deadLetter(...args), signal }),
          ]),
    );
    const bus: EventBus = new EventBus({
      rules: rules.filter((rule) => rule.busName === busName),
      queues,
      sqs: this.#parts.sqs,
      signal,
      onApiTarget: (envelope, rule, target) => {
        const onChange = this.#planEvents.deliveryOf(envelope);
        void destinations.get(target.apiDestinationArn)?.deliver(envelope, rule, target, (delivery) => {
          onChange(delivery);
          if (delivery.state === 'undelivered')
            this.#complain(`${envelope['detail-type']} could not be posted to ${forward!.url}: ${delivery.answer}`);
        });
      },
    });
    return bus;
  }

  async #startFunctions({ shutdown, stripe }: PipelineOptions): Promise<void> {
    const { secrets, busNames, functions } = this.blueprint;
    const secret = JSON.stringify({
      DATABASE_URL: this.database.url,
      STRIPE_SECRET_KEY: stripe.secretKey,
      API_KEY: this.#forward?.apiKey ?? '',
    });
    const endpoints = {
      queues: this.#parts.queuesEndpoint,
      tables: this.#parts.tablesEndpoint,
      secretsAndEvents: await startAwsEndpoint({
        secrets: new Map(secrets.flatMap(({ arn, name }) => [arn, name].map((id) => [id, secret]))),
        busNames,
        onPutEvent: (event) => this.#onPutEvent(event),
        shutdown,
      }),
    };
    const extra: Record<string, string> = {
      ...(stripe.apiBase !== undefined && { STRIPE_API_BASE: stripe.apiBase }),
      ...(!stripe.sendsHere && { STRIPE_SENDS_HERE: 'no' }),
    };
    this.#functions = await LocalFunctions.start({
      functions,
      consumers: this.#consumers,
      environmentOf: (fn) => functionEnvironment(fn, endpoints, this.folder, extra),
      sqs: this.#parts.sqs,
      reader: this.#reader,
      shutdown,
    });
  }

  /** Puts Stripe's events on the bus, as the partner source would. @returns their ids, in their order. */
  async post(events: Iterable<PostedEvent> | AsyncIterable<PostedEvent>): Promise<string[]> {
    const ids: string[] = [];
    await this.#tally.whileDelivering(async () => {
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
    if (events.length === 0) return;
    const { sourceName } = this.blueprint;
    const envelopes = events.map((event) => envelopeOf(sourceName, event.type, event));
    this.#tally.posted += events.length;
    this.metrics.put('AWS/Events', 'Events', { EventSourceName: sourceName }, 'Count', [events.length]);
    this.recent.push(...events);
    this.recent.splice(0, this.recent.length - RECENT_EVENTS);
    for (const envelope of envelopes) {
      const to = this.#consumersOf(envelope);
      this.feed.add({
        kind: 'posted',
        event_id: (envelope.detail as PostedEvent).id,
        type: envelope['detail-type'],
        to: to.map(({ fn }) => fn.name),
      });
      if (!to.some(({ kind }) => kind === 'worker')) this.#tally.outcomes.unrouted += 1;
    }
    await this.#archive.keep(envelopes);
    const ingested = Date.now();
    this.#deliveries.record(await this.#partnerBus.deliver(envelopes), ingested);
  }

  /** Whose queues an event goes to, `only` through the rules named when given. */
  #consumersOf(envelope: EventEnvelope, only?: ReadonlySet<string>): QueueConsumer[] {
    const targets = this.#partnerBus.matching(envelope, only).flatMap((rule) => rule.targets);
    return this.#consumers.filter(({ queue }) =>
      targets.some((target) => 'queueArn' in target && target.queueArn === queue.arn),
    );
  }

  get #partnerBus(): EventBus {
    return this.#buses.get(this.blueprint.busName)!;
  }

  /**
   * Replays the archive as EventBridge would: onto the same bus, marked with a name, in no order, not archived again.
   * @param rules by name; without them every rule sees the replay
   */
  replay(from: Date, to: Date, rules?: string[]): ReplayTally {
    const only = rules === undefined ? undefined : new Set(rules);
    const names = only ? [...only] : this.#partnerBus.rules.map(({ name }) => name);
    const name = `local-${new Date().toISOString().replace(/[:.]/g, '-')}`;
    const tally = this.#tally.openReplay({ name, from: from.toISOString(), to: to.toISOString(), rules: names });
    this.feed.add({ kind: 'replay', replay_name: name, text: `replay of ${tally.from} to ${tally.to}` });
    void this.#tally
      .whileDelivering(() => this.#deliverArchived(from, to, tally, only))
      .catch((error: Error) => {
        tally.state = 'failed';
        tally.problem = error.message;
        this.#complain(`${name} ended early, after ${tally.events} events: ${error.message}`);
      });
    return tally;
  }

  async #deliverArchived(from: Date, to: Date, tally: ReplayTally, only: Set<string> | undefined): Promise<void> {
    for await (const slice of this.#archive.slices(from, to)) {
      for (let first = 0; first < slice.length; first += EVENTS_AT_A_TIME) {
        const marked = slice
          .slice(first, first + EVENTS_AT_A_TIME)
          .map((envelope) => ({ ...envelope, 'replay-name': tally.name }));
        tally.events += marked.length;
        tally.outcomes.unrouted += marked.filter(
          (envelope) => !this.#consumersOf(envelope, only).some(({ kind }) => kind === 'worker'),
        ).length;
        const ingested = Date.now();
        this.#deliveries.record(await this.#partnerBus.deliver(marked, only), ingested);
      }
    }
    tally.state = 'sent';
  }

  /** A message on a bus of ours, from a function: kept for people to see, and given to the rules of that bus. */
  #onPutEvent({ busName, source, detailType, detail }: PutEvent): void {
    const envelope = envelopeOf(source, detailType, detail);
    this.#planEvents.add(envelope);
    this.feed.add({ kind: 'published', type: detailType, by: busName });
    const ingested = Date.now();
    this.#buses
      .get(busName)!
      .deliver([envelope])
      .then((deliveries) => this.#deliveries.record(deliveries, ingested))
      .catch((error: Error) =>
        this.#complain(`${detailType} could not be delivered from ${busName}: ${error.message}`),
      );
  }

  /** Pauses or resumes a function, as disabling and enabling its event source mapping would. */
  setEnabled(functionName: string, enabled: boolean): void {
    this.#functions!.setEnabled(functionName, enabled);
  }

  /** The functions that read a queue. */
  get consumerNames(): string[] {
    return this.#functions!.consumerNames;
  }

  /** Grows whenever a plan event is published or its delivery gets on. */
  get planEventChanges(): number {
    return this.#planEvents.changes;
  }

  get idle(): boolean {
    return this.#tally.idle;
  }

  get underWay(): number {
    return this.#tally.underWay;
  }

  get outcomes(): OutcomeCounts {
    return this.#tally.outcomes;
  }

  get replays(): readonly ReplayTally[] {
    return this.#tally.replays;
  }

  async state(): Promise<PipelineState> {
    const queues = await this.#parts.depths();
    if (this.#tally.underWay > 0) await this.#countReceivedTooOften(queues);
    const counted = this.#counted(queues);
    // After the counts, never before: see PipelineState.
    return { plans: await this.database.planStates(), ...counted };
  }

  #counted(queues: Record<string, LocalQueueDepth>): Omit<PipelineState, 'plans'> {
    const { posted, outcomes, audited, undelivered, unexplained, repairs, replays } = this.#tally;
    const reading = this.#consumers.map(({ queue }) => queues[queue.name]!);
    // What a function queued itself was never counted as sent; its queue knows.
    const idle = this.#tally.idle && reading.every(({ visible, in_flight }) => visible + in_flight === 0);
    return structuredClone({
      posted,
      outcomes,
      audited,
      queues,
      idle,
      undelivered,
      unexplained,
      repairs,
      replays,
      deferred: [...this.#reader.deferred.values()],
      archive: { name: this.blueprint.archive.name, events: this.#archive.count },
      published_plan_events: this.#planEvents.count,
      plan_events: this.#planEvents.latest,
      forward: this.#forward?.url ?? null,
      database: { running: this.database.running, ours: this.database.ours },
      functions: this.#functions?.states ?? {},
      schedules: this.schedules.states,
      alarms: this.#alarms.ringing(),
    });
  }

  /** What SQS itself moved to a failed queue keeps its message id; its function never said how it ended. */
  async #countReceivedTooOften(depths: Record<string, LocalQueueDepth>): Promise<void> {
    for (const { failedQueueName } of this.#consumers) {
      if (failedQueueName === undefined || depths[failedQueueName]?.visible === 0) continue;
      for (const { messageId } of await this.#parts.peek(failedQueueName)) {
        const sent = this.#tally.sentMessage(messageId);
        if (!sent) continue;
        this.#reader.deferred.delete(messageId);
        const outcome = sent.kind === 'worker' ? 'parked' : 'unaudited';
        this.#tally.settle({ messageId, replayName: sent.replayName, fromFunction: false, outcome });
      }
    }
  }
}

/** To the terminal and to the page, each text once in ten seconds: an outage must not write a thousand equal lines. */
function complaints(say: (text: string) => void, feed: LiveFeed): (text: string) => void {
  const saidAt = new Map<string, number>();
  return (text) => {
    const now = Date.now();
    if (now - (saidAt.get(text) ?? 0) < 10_000) return;
    if (saidAt.size > 1000) saidAt.clear();
    saidAt.set(text, now);
    say(text);
    feed.add({ kind: 'complaint', text });
  };
}
