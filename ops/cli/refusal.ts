/**
 * Why a verb did not start, and what to do about it: exit code 2.
 *
 * `code` is stable (scripts may read it in `--json`); the message is one sentence, `fix` the next thing to type or change.
 */
export class Refusal extends Error {
  readonly code: string;
  readonly fix: string;

  constructor(code: string, message: string, fix: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'Refusal';
    this.code = code;
    this.fix = fix;
  }
}
