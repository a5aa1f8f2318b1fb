import type { Ops } from '../cli/ops.ts';
import { toUserError } from '../cli/user-error.ts';

/** A source that did not answer: which, why, and what to do about it. */
export interface Unseen {
  source: string;
  because: string;
  fix: string;
}

/** Asks sources one by one: what fails is kept and named, the others are asked all the same. */
export class Sources {
  readonly unseen: Unseen[] = [];
  readonly #ops: Ops;

  constructor(ops: Ops) {
    this.#ops = ops;
  }

  /** What the source answers; null when it does not, whatever the reason. */
  async ask<Answer>(source: string, question: () => Promise<Answer>): Promise<Answer | null> {
    try {
      return await question();
    } catch (error) {
      const { message = (error as Error).message, fix = '' } = toUserError(error, this.#ops.lines) ?? {};
      this.unseen.push({ source, because: message, fix });
      return null;
    }
  }

  /** For the end of the page. */
  get found(): string[] {
    return this.unseen.map(({ source, because }) => `${source} did not answer: ${because}`);
  }
}
