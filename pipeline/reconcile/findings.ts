import { comparedAgain, type Finding } from './compare-objects.ts';
import { IdFilter } from './id-filter.ts';
import type { ReconcileParts } from './ports.ts';

/** So many are looked at again together, and so many batches wait for it side by side: memory holds no more. */
const TOGETHER = 250;
const BATCHES = 4;
/** An event that came while Stripe was read is applied by then. */
const SECOND_LOOK_AFTER_MS = 20_000;

/**
 * Findings get a second look a little later: what an event has moved meanwhile was no difference, only younger than our row. So no count and
 * no alarm is due to an event on its way. Reading goes on while they wait.
 */
export class Findings {
  readonly #parts: Pick<ReconcileParts, 'store' | 'catalogue' | 'livemode' | 'sleep'>;
  readonly #confirmed: (findings: Finding[]) => Promise<void>;
  #held: Finding[] = [];
  readonly #waiting = new Set<Promise<void>>();
  readonly #failures: unknown[] = [];
  /** An object may be come across twice: in two lists, or as somebody's link. */
  readonly #seen = new IdFilter();

  constructor(
    parts: Pick<ReconcileParts, 'store' | 'catalogue' | 'livemode' | 'sleep'>,
    confirmed: (findings: Finding[]) => Promise<void>,
  ) {
    this.#parts = parts;
    this.#confirmed = confirmed;
  }

  /** Whether one was added under this id; of few others, too (an {@link IdFilter}). */
  has(id: string): boolean {
    return this.#seen.has(id);
  }

  async add(finding: Finding): Promise<void> {
    if (this.#seen.has(finding.id)) return;
    this.#seen.add(finding.id);
    this.#held.push(finding);
    if (this.#held.length < TOGETHER) return;
    while (this.#waiting.size >= BATCHES) await Promise.race(this.#waiting);
    this.#lookAgain();
    this.#complain();
  }

  /** @throws what a second look or its healing threw first, also one of before */
  async flush(): Promise<void> {
    this.#lookAgain();
    await Promise.all(this.#waiting);
    this.#complain();
  }

  #lookAgain(): void {
    const findings = this.#held.splice(0);
    if (findings.length === 0) return;
    const look = async () => {
      await this.#parts.sleep(SECOND_LOOK_AFTER_MS);
      await this.#confirmed(await comparedAgain(this.#parts, findings));
    };
    const waiting: Promise<void> = look()
      .catch((error) => void this.#failures.push(error))
      .finally(() => this.#waiting.delete(waiting));
    this.#waiting.add(waiting);
  }

  #complain(): void {
    if (this.#failures.length > 0) throw this.#failures[0];
  }
}
