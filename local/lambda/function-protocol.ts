/** What the local run says to a function's process. */
export interface Invocation {
  requestId: string;
  event: unknown;
  /** Epoch milliseconds at which Lambda would end the invocation. */
  deadline: number;
  traceId: string;
}

/** What a function's process says back. */
export type FunctionAnswer =
  | { kind: 'ready' }
  | { kind: 'broken'; message: string }
  | { kind: 'answer'; requestId: string; result: unknown }
  | { kind: 'failure'; requestId: string; message: string };

/** Begins with a character that no log line begins with. */
export const endMark = (requestId: string): string => `\u0001end ${requestId}\n`;
