import { type Outcome, outcomes } from '../core/outcome.ts';

/** How many events ended how; one word each, and `unrouted` for the types that only the audit takes. */
export type OutcomeCounts = Record<Outcome | 'unrouted', number>;

/** One SQS message that a function is done with. */
export interface SettledDelivery {
  messageId: string;
  replayName: string | undefined;
  /** A function of ours put it into the queue, the reconcile function for one: it never was on the bus. */
  fromFunction: boolean;
  /** `audited`: the audit trail took it. `unaudited`: it never will. `unexplained`: done, without a word on how. */
  outcome: Outcome | 'audited' | 'unaudited' | 'unexplained';
}

/** What is known of a message from when it was sent. */
export interface SentMessage {
  kind: 'worker' | 'audit';
  replayName: string | undefined;
}

/** A replay's own count: it is apart from the live one, so that the live sums hold. */
export interface ReplayTally {
  name: string;
  from: string;
  to: string;
  rules: string[];
  /** `failed`: the archive could not be read to its end; `problem` says why. */
  state: 'running' | 'sent' | 'failed';
  problem?: string;
  events: number;
  outcomes: OutcomeCounts;
  audited: number;
}

const noOutcomes = (): OutcomeCounts =>
  Object.fromEntries([...outcomes, 'unrouted'].map((name) => [name, 0])) as OutcomeCounts;

/** More than are ever between being sent and being settled twice; all of a long run would fill the memory. */
const SETTLED_IDS_KEPT = 20_000;

/**
 * Counts every event: what was posted, what became of it, what is still on its way.
 *
 * A message counts once, however often it was received: when an invocation's response says that it is done.
 */
export class EventTally {
  posted = 0;
  audited = 0;
  undelivered = 0;
  readonly outcomes = noOutcomes();
  /** How those ended that functions of ours put into the queues. */
  readonly repairs = noOutcomes();
  readonly replays: ReplayTally[] = [];
  /** Lost to the audit trail: received too often by its function. */
  unaudited = 0;
  /** Done, as the function's response said, but no log line says with which outcome. */
  unexplained = 0;
  readonly #settled = new Set<string>();
  readonly #underWay = new Map<string, SentMessage>();
  /** Deliveries under way: events that are accepted and in no queue yet. */
  #delivering = 0;

  openReplay(replay: Pick<ReplayTally, 'name' | 'from' | 'to' | 'rules'>): ReplayTally {
    const tally: ReplayTally = { ...replay, state: 'running', events: 0, outcomes: noOutcomes(), audited: 0 };
    this.replays.push(tally);
    return tally;
  }

  /** Counts the time until `work` is over as busy. */
  async whileDelivering<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#delivering += 1;
    try {
      return await work();
    } finally {
      this.#delivering -= 1;
    }
  }

  /** A message was put into a queue that some function reads. */
  sent(messageId: string, message: SentMessage): void {
    // A quick function may be done with it before its sender hears that it was sent.
    if (!this.#settled.has(messageId)) this.#underWay.set(messageId, message);
  }

  sentMessage(messageId: string): SentMessage | undefined {
    return this.#underWay.get(messageId);
  }

  /** @returns false when it was counted before. */
  settle({ messageId, replayName, fromFunction, outcome }: SettledDelivery): boolean {
    if (this.#settled.has(messageId)) return false;
    this.#settled.add(messageId);
    if (this.#settled.size > SETTLED_IDS_KEPT) this.#settled.delete(this.#settled.values().next().value!);
    this.#underWay.delete(messageId);
    if (outcome === 'unexplained') this.unexplained += 1;
    else if (outcome === 'unaudited') this.unaudited += 1;
    else if (outcome === 'audited') this.#tallyOf(replayName).audited += 1;
    else if (fromFunction) this.repairs[outcome] += 1;
    else this.#tallyOf(replayName).outcomes[outcome] += 1;
    return true;
  }

  #tallyOf(replayName: string | undefined): Pick<ReplayTally, 'outcomes' | 'audited'> {
    return this.replays.find(({ name }) => name === replayName) ?? this;
  }

  /** Messages in queues, or in a function's hands. */
  get underWay(): number {
    return this.#underWay.size;
  }

  /** Nothing is being delivered, nothing waits, nothing is being worked on. */
  get idle(): boolean {
    return this.#delivering === 0 && this.underWay === 0;
  }
}
