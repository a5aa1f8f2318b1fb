import { duration, type Formatting, moment } from '../cli/formatting.ts';
import type { Consumer } from './consumer.ts';

export const printConsumers = ({ workers }: { workers: Consumer[] }, format: Formatting): string =>
  format.table(
    ['worker', 'state', 'waiting', 'in flight', 'oldest', 'kept until at least'],
    workers.map(({ worker, state, waiting, in_flight, oldest_s, safe_until }) => [
      worker,
      state,
      waiting,
      in_flight,
      duration(oldest_s),
      moment(safe_until),
    ]),
  );
