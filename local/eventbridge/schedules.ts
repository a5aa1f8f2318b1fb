import type { ScheduleBlueprint } from '../cloudformation/rules.ts';
import type { Invoked } from '../lambda/function-process.ts';
import { envelopeOf } from './event-envelope.ts';

/** A rule that runs by the clock, as `GET /state` shows it. */
export interface ScheduleState {
  name: string;
  function: string;
  enabled: boolean;
  next_at: string | null;
  /** Null before the first run. `error`: its first line, when the function failed. */
  last: { at: string; seconds: number; error?: string } | null;
}

export interface SchedulesOptions {
  schedules: ScheduleBlueprint[];
  invoke(functionName: string, event: unknown): Promise<Invoked>;
  complain(text: string): void;
  signal: AbortSignal;
}

/** A longer timer of Node's goes off at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

interface Schedule {
  blueprint: ScheduleBlueprint;
  nextAtMs: number | null;
  last: ScheduleState['last'];
  running: Promise<ScheduleState> | undefined;
}

/** Runs the template's schedules: first one interval after the start, as EventBridge does after a deploy; or at once, when asked. */
export class Schedules {
  readonly #schedules: Schedule[];
  readonly #options: SchedulesOptions;

  constructor(options: SchedulesOptions) {
    this.#options = options;
    this.#schedules = options.schedules.map((blueprint) => {
      const schedule: Schedule = { blueprint, nextAtMs: null, last: null, running: undefined };
      if (blueprint.enabled) this.#plan(schedule);
      return schedule;
    });
  }

  #plan(schedule: Schedule): void {
    const everyMs = Math.min(schedule.blueprint.everyMs, LONGEST_TIMER_MS);
    schedule.nextAtMs = Date.now() + everyMs;
    const timer = setInterval(() => {
      schedule.nextAtMs = Date.now() + everyMs;
      void this.#run(schedule);
    }, everyMs);
    this.#options.signal.addEventListener('abort', () => clearInterval(timer));
  }

  /** Runs one now; joins the run that is under way. @throws {Error} naming the schedules, when there is none of that name. */
  async runNow(name: string): Promise<ScheduleState> {
    const schedule = this.#schedules.find(({ blueprint }) => blueprint.name === name);
    if (!schedule) throw new Error(`No schedule ${JSON.stringify(name)}; there are ${this.names.join(', ') || 'none'}`);
    return this.#run(schedule);
  }

  #run(schedule: Schedule): Promise<ScheduleState> {
    schedule.running ??= this.#invoke(schedule).finally(() => {
      schedule.running = undefined;
    });
    return schedule.running;
  }

  async #invoke(schedule: Schedule): Promise<ScheduleState> {
    const { functionName, input } = schedule.blueprint;
    const event = input === undefined ? envelopeOf('aws.events', 'Scheduled Event', {}) : JSON.parse(input);
    const at = new Date().toISOString();
    const { outcome, milliseconds } = await this.#options.invoke(functionName, event);
    const error = 'error' in outcome ? outcome.error.split('\n')[0]! : undefined;
    schedule.last = { at, seconds: milliseconds / 1000, ...(error === undefined ? {} : { error }) };
    // Once the run stops, its processes end in the middle; that is no news.
    if (error !== undefined && !this.#options.signal.aborted)
      this.#options.complain(`${functionName} failed: ${error}`);
    return stateOf(schedule);
  }

  get names(): string[] {
    return this.#schedules.map(({ blueprint }) => blueprint.name);
  }

  get states(): ScheduleState[] {
    return this.#schedules.map(stateOf);
  }
}

const stateOf = ({ blueprint, nextAtMs, last }: Schedule): ScheduleState => ({
  name: blueprint.name,
  function: blueprint.functionName,
  enabled: blueprint.enabled,
  next_at: nextAtMs === null ? null : new Date(nextAtMs).toISOString(),
  last,
});
