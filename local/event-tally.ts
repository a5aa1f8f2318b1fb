import { type Outcome, outcomes } from '../core/outcome.ts';

/** How many events ended how; one word each, and `unrouted` for the types that only the audit takes. */
export type OutcomeCounts = Record<Outcome | 'unrouted', number>;

/** One SQS message that a function is done with. */
export interface Settled {
  messageId: string;
  replayName: string | undefined;
  /** `audited`: the audit trail took it. */
  outcome: Outcome | 'audited' | 'unaudited';
}

/** What is known of a message from when it was sent. */
export interface SentMessage {
  kind: 'worker' | 'audit';
  replayName: string | undefined;
}

/** A replay's own count: it is apart from the live one, so that the live sums hold. */
export interface ReplayAccount {
  name: string;
  from: string;
  to: string;
  rules: string[];
  state: 'running' | 'sent';
  events: number;
  outcomes: OutcomeCounts;
  audited: number;
}

const noOutcomes = (): OutcomeCounts =>
  Object.fromEntries([...outcomes, 'unrouted'].map((name) => [name, 0])) as OutcomeCounts;

/**
 * EventTally for every event: what was posted, what became of it, what is still on its way.
 *
 * A message counts once, however often it was received: when an invocation's response says that it is done.
 */
export class EventTally {
  posted = 0;
  audited = 0;
  undelivered = 0;
  readonly outcomes = noOutcomes();
  readonly replays: ReplayAccount[] = [];
  /** Lost to the audit trail: received too often by its function. */
  unaudited = 0;
  readonly #settled = new Set<string>();
  readonly #underWay = new Map<string, SentMessage>();
  /** Deliveries under way: events that are accepted and in no queue yet. */
  #delivering = 0;

  openReplay(replay: Pick<ReplayAccount, 'name' | 'from' | 'to' | 'rules'>): ReplayAccount {
    const account: ReplayAccount = { ...replay, state: 'running', events: 0, outcomes: noOutcomes(), audited: 0 };
    this.replays.push(account);
    return account;
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
  settle({ messageId, replayName, outcome }: Settled): boolean {
    if (this.#settled.has(messageId)) return false;
    this.#settled.add(messageId);
    this.#underWay.delete(messageId);
    const account = replayName === undefined ? this : this.replays.find(({ name }) => name === replayName);
    if (!account) throw new Error(`A message of the replay "${String(replayName)}", which this run did not start`);
    if (outcome === 'audited') account.audited += 1;
    else if (outcome === 'unaudited') this.unaudited += 1;
    else account.outcomes[outcome] += 1;
    return true;
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
