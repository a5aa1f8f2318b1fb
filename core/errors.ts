/** What happens next: `later` goes back to the queue and heals by itself, `never` goes to the failed queue at once. */
export type Retry = 'later' | 'never';

/**
 * A failure that the pipeline knows what to do with.
 *
 * `code` is stable: the same word stands in the log, the metric and the failed queue's `reason` attribute.
 */
export class PipelineError extends Error {
  readonly code: string;
  readonly retry: Retry;

  constructor(code: string, retry: Retry, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'PipelineError';
    this.code = code;
    this.retry = retry;
  }
}

/** The message cannot be read as what it should be; the text names each field, what was found and what was wanted. */
export class UnreadableEvent extends PipelineError {
  constructor(message: string, options?: ErrorOptions) {
    super('unreadable_event', 'never', message, options);
    this.name = 'UnreadableEvent';
  }
}
