import { databaseError } from './pool.ts';

/** A pool of `pg`, or one client inside a transaction of the caller's (the dry run of a replay). */
export interface Database {
  query(text: string, values: unknown[]): Promise<{ rows: { answer?: unknown }[] }>;
}

/**
 * Calls functions of the schema: `call('due_users($1)', 10)`.
 * @throws {PipelineError} `database_…`, from the call
 */
export const callsTo =
  (database: Database) =>
  async (call: string, ...values: unknown[]) => {
    try {
      const { rows } = await database.query(`select billing.${call} as answer`, values);
      return rows[0]!.answer as never;
    } catch (error) {
      throw databaseError(error);
    }
  };
