/** What was started and must be stopped, last first: the one list that a Ctrl-C, an error and an orderly end all go through. */
export class Shutdown {
  readonly #steps: { name: string; stop: () => unknown }[] = [];
  readonly #interrupts: (() => void)[] = [];
  readonly #starting = new Set<Promise<unknown>>();
  #running: Promise<void> | undefined;

  /** Notes how to stop something, at the moment it starts. */
  add(name: string, stop: () => unknown): void {
    this.#steps.push({ name, stop });
  }

  /** Notes how to cut something short, so that a stop need not wait for its end. */
  interrupt(cut: () => void): void {
    this.#interrupts.push(cut);
  }

  /** A start under way: a stop waits for it, since it may yet add what must be stopped. */
  starts<Result>(work: Promise<Result>): Promise<Result> {
    this.#starting.add(work);
    return work.finally(() => this.#starting.delete(work));
  }

  get begun(): boolean {
    return this.#running !== undefined;
  }

  /** Stops everything; a step that fails is reported and does not keep the others from being stopped. */
  run(): Promise<void> {
    this.#running ??= this.#stopAll();
    return this.#running;
  }

  async #stopAll(): Promise<void> {
    for (const cut of this.#interrupts) cut();
    // How a start ended is said where it was begun.
    await Promise.allSettled(this.#starting);
    for (let step = this.#steps.pop(); step; step = this.#steps.pop()) {
      try {
        await step.stop();
      } catch (error) {
        process.stderr.write(`While stopping ${step.name}: ${(error as Error).message}\n`);
      }
    }
  }
}
