import type { Message } from './workload.ts';

/** Something that takes Stripe's events into Postgres. */
export interface System {
  apply(message: Message): Promise<unknown>;
  /** The messages of one SQS batch, where the system has a way of its own for them. */
  applyBatch?(messages: readonly Message[]): Promise<unknown>;
  close(): Promise<unknown>;
}
