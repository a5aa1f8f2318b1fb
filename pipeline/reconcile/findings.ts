import { comparedAgain, type Finding } from './compare-objects.ts';
import type { ReconcileParts } from './ports.ts';

/** So many are looked at again together; memory holds no more. */
const TOGETHER = 500;
/** An event that came while Stripe was read is applied by then. */
const SECOND_LOOK_AFTER_MS = 20_000;

/**
 * Findings get a second look a little later: what an event has moved meanwhile was no difference, only younger than our row. So no count and
 * no alarm is due to an event on its way.
 */
export class Findings {
  readonly #parts: Pick<ReconcileParts, 'store' | 'catalogue' | 'livemode' | 'sleep'>;
  readonly #confirmed: (findings: Finding[]) => Promise<void>;
  #held: Finding[] = [];
  /** An object may be come across twice: in two lists, or as somebody's link. */
  readonly #seen = new Set<string>();

  constructor(
    parts: Pick<ReconcileParts, 'store' | 'catalogue' | 'livemode' | 'sleep'>,
    confirmed: (findings: Finding[]) => Promise<void>,
  ) {
    this.#parts = parts;
    this.#confirmed = confirmed;
  }

  async add(finding: Finding): Promise<void> {
    if (this.#seen.has(finding.id)) return;
    this.#seen.add(finding.id);
    this.#held.push(finding);
    if (this.#held.length >= TOGETHER) await this.flush();
  }

  async flush(): Promise<void> {
    const findings = this.#held.splice(0);
    if (findings.length === 0) return;
    await this.#parts.sleep(SECOND_LOOK_AFTER_MS);
    await this.#confirmed(await comparedAgain(this.#parts, findings));
  }
}
