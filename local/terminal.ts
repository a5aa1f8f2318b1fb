/** What people at the terminal see. */
export class Terminal {
  readonly #interactive = process.stdout.isTTY === true;

  say(text: string): void {
    // A progress bar may stand in the line; it draws itself again with its next step.
    process.stdout.write(`${this.#interactive ? '\r\u001b[K' : ''}${text}\n`);
  }

  fail(text: string): void {
    process.stderr.write(`${this.#interactive ? '\r\u001b[K' : ''}${text}\n`);
  }
}
