/**
 * Several deliveries under way at once, of which exactly one moves at a time: every interleaving, and the same again from the same choices.
 *
 * A delivery stops at each gate (before a round trip, before and after a fetch); `choices` say which one goes on, or whether another
 * delivery begins.
 */
export class Steps {
  readonly #choices: readonly number[];
  readonly #width: number;
  readonly #waiting: (() => void)[] = [];
  #turn = 0;
  #moving = 0;
  #underWay = 0;
  #quiet: () => void = () => {};

  constructor(choices: readonly number[], width: number) {
    this.#choices = choices;
    this.#width = width;
  }

  /** Where a delivery waits for its turn. */
  gate(): Promise<void> {
    this.#stop();
    return new Promise((resume) => {
      this.#waiting.push(() => {
        this.#moving += 1;
        resume();
      });
    });
  }

  /** Takes items off the queue until it is empty and nothing is under way; `deliver` may put some back. */
  async run<Item>(queue: Item[], deliver: (item: Item) => Promise<void>): Promise<void> {
    let failure: { error: unknown } | undefined;
    while (queue.length > 0 || this.#waiting.length > 0) {
      const mayBegin = queue.length > 0 && this.#underWay < this.#width;
      const chosen = this.#choose(this.#waiting.length + (mayBegin ? 1 : 0));
      await new Promise<void>((quiet) => {
        this.#quiet = quiet;
        if (chosen < this.#waiting.length) {
          this.#waiting.splice(chosen, 1)[0]!();
          return;
        }
        this.#moving += 1;
        this.#underWay += 1;
        deliver(queue.shift()!)
          .catch((error) => {
            failure ??= { error };
          })
          .finally(() => {
            this.#underWay -= 1;
            this.#stop();
          });
      });
      if (failure) throw failure.error;
    }
  }

  /** So many more are moving than the deliveries that were begun: the members of a batch. */
  moreMoving(more: number): void {
    this.#moving += more;
    if (this.#moving === 0) this.#quiet();
  }

  #choose(among: number): number {
    const choice = this.#choices[this.#turn % this.#choices.length]!;
    this.#turn += 1;
    return choice % among;
  }

  #stop(): void {
    this.#moving -= 1;
    if (this.#moving === 0) this.#quiet();
  }
}
