import type { ClientConfig } from 'pg';
import { isLoopback } from '../../adapters/postgres/pool.ts';
import type { Change } from '../cli/verb-report.ts';

/** The URL says which database, --env does not: whoever has prod's URL in the shell changes prod. */
export function confirmationOf(options: ClientConfig): Pick<Change<unknown, unknown>, 'confirm'> {
  const { host = '', database } = options;
  if (isLoopback(host)) return {};
  return {
    confirm: {
      question: `This changes the database ${database} on ${host}.`,
      answer: projectOf(options) ?? host,
    },
  };
}

/** Supabase names the project in the host of a direct connection, and in the user of a pooled one. */
export function projectOf({ host = '', user = '' }: ClientConfig): string | null {
  const direct = /^db\.(\w+)\.supabase\.(?:co|com)$/.exec(host)?.[1];
  const pooled = /\.pooler\.supabase\.com$/.test(host) ? /\.(\w+)$/.exec(user)?.[1] : undefined;
  return direct ?? pooled ?? null;
}
