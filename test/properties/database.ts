import type pg from 'pg';

/** What a property needs of a database: the handlers' own connections, and an administrator's to look inside. */
export interface Database {
  writer: pg.Pool;
  admin: pg.Pool;
  /** A mutation: Stripe's answers are those of the moment when the delivery began, before any ticket was handed out. */
  answersFromBefore?: boolean;
}
