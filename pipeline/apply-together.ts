import { PipelineError } from '../core/errors.ts';
import type { PlanEvent } from '../core/plans/plan-event.ts';
import type { Application, PlanStore, Settled, Undecidable } from './ports.ts';

/** What applying needs of an event processor. */
export interface ApplyParts {
  store: Pick<PlanStore, 'apply'>;
  publish(planEvents: readonly PlanEvent[]): Promise<void>;
  /** Milliseconds since the epoch; for durations only, never for a decision. */
  now(): number;
}

/** One event applied, and what it wrote published. */
export interface Applied {
  answer: Settled | Undecidable;
  /** Milliseconds since the epoch, when the transaction was known to be committed. */
  committedAt: number;
  databaseMs: number;
  publishMs: number;
}

export type Apply = (application: Application) => Promise<Applied>;

/** Applies one event on its own. */
export const applyAlone =
  (parts: ApplyParts): Apply =>
  async (application) => {
    const [applied] = await applyInOneCall(parts, [application]);
    if (applied!.status === 'rejected') throw applied!.reason;
    return applied!.value;
  };

/**
 * Gathers the events of one batch and applies them in one call and one transaction, once each of its `size` members either came or said that
 * it will not. Their plan events go to the app bus together.
 */
export class Gathering {
  readonly #parts: ApplyParts;
  #expected: number;
  readonly #members: { application: Application; settled: PromiseWithResolvers<Applied> }[] = [];

  constructor(parts: ApplyParts, size: number) {
    this.#parts = parts;
    this.#expected = size;
  }

  /** @throws what applying or publishing this event threw; a neighbour's failure is not its own. */
  readonly apply: Apply = (application) => {
    const settled = Promise.withResolvers<Applied>();
    this.#members.push({ application, settled });
    this.#beginWhenComplete();
    return settled.promise;
  };

  /** One member ended without anything to apply: a duplicate, or unreadable. */
  leave(): void {
    this.#expected -= 1;
    this.#beginWhenComplete();
  }

  #beginWhenComplete(): void {
    if (this.#members.length === 0 || this.#members.length < this.#expected) return;
    const members = this.#members.splice(0);
    this.#expected -= members.length;
    applyInOneCall(
      this.#parts,
      members.map(({ application }) => application),
    ).then(
      (all) =>
        all.forEach((applied, index) => {
          const { resolve, reject } = members[index]!.settled;
          if (applied.status === 'fulfilled') resolve(applied.value);
          else reject(applied.reason);
        }),
      (error) => {
        for (const { settled } of members) settled.reject(error);
      },
    );
  }
}

async function applyInOneCall(
  parts: ApplyParts,
  applications: readonly Application[],
): Promise<PromiseSettledResult<Applied>[]> {
  const startedAt = parts.now();
  let answers: (Settled | Undecidable)[];
  try {
    answers = await parts.store.apply(applications);
  } catch (error) {
    if (applications.length === 1 || !isOfOneEvent(error)) return applications.map(() => rejected(error));
    // One of them raised and took the others back with it: each on its own, so that only that one fails.
    const alone: PromiseSettledResult<Applied>[] = [];
    for (const application of applications) alone.push(...(await applyInOneCall(parts, [application])));
    return alone;
  }
  const committedAt = parts.now();
  const databaseMs = committedAt - startedAt;
  const planEvents = answers.flatMap((answer) => (answer.outcome === 'undecidable' ? [] : answer.plan_events));
  let publishFailure: { error: unknown } | undefined;
  if (planEvents.length > 0) {
    await parts.publish(planEvents).catch((error) => {
      publishFailure = { error };
    });
  }
  const publishMs = parts.now() - committedAt;
  return answers.map((answer) =>
    publishFailure && answer.outcome !== 'undecidable' && answer.plan_events.length > 0
      ? rejected(publishFailure.error)
      : { status: 'fulfilled', value: { answer, committedAt, databaseMs, publishMs } },
  );
}

/**
 * Whether an error may come from one event of a batch: what can never heal, a deadlock, something that the database lacks. When the database does
 * not answer at all, asking it ten times more helps nobody.
 */
export const isOfOneEvent = (error: unknown): boolean =>
  !(error instanceof PipelineError) || error.retry === 'never' || /^database_(40|42)/.test(error.code);

const rejected = (reason: unknown): PromiseRejectedResult => ({ status: 'rejected', reason });
