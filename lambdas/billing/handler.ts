import { workerHandler } from '../worker.ts';

/** Billing events of the bus, from the work queue to Postgres and the app bus. */
export const handler = workerHandler('billing');
