import { connectionOptions } from '../../adapters/postgres/pool.ts';
import type { Environment } from '../../lib/names.ts';
import { wrongMode } from '../cli/ops.ts';
import type { SecretName } from '../deployment/secret-values.ts';
import { shownKey } from '../destination/stripe-key.ts';

/** What may be said of a secret value without showing it. */
export interface SecretLine {
  name: SecretName;
  set: boolean;
  /** Without the secret part: host and user of the database, kind and end of the Stripe key, length of the API key. */
  shown: string;
  problem: string | null;
  /** Works, but could be better. */
  advice: string | null;
}

/** By its looks only. */
export function lineOf(name: SecretName, value: string, environment: Environment): SecretLine {
  const line = (shown: string, problem: string | null, advice: string | null = null): SecretLine => ({
    name,
    set: value !== '',
    shown,
    problem,
    advice,
  });
  if (!value) return line('empty', name === 'API_KEY' ? null : 'is not set');
  switch (name) {
    case 'DATABASE_URL':
      return line(shownDatabase(value), databaseProblem(value), databaseAdvice(value));
    case 'STRIPE_SECRET_KEY':
      return line(shownKey(value), wrongMode(value, environment)?.message ?? null, keyAdvice(value));
    case 'API_KEY':
      return line(`${value.length} characters`, null);
  }
}

const keyAdvice = (key: string): string | null =>
  key.startsWith('sk_live_')
    ? 'may do anything in the Stripe account; a restricted key (rk_live_…) that reads is enough: docs/operations.md#the-stripe-key'
    : null;

/** @see https://supabase.com/docs/guides/database/connecting-to-postgres */
const databaseAdvice = (value: string): string | null =>
  URL.canParse(value) && /^db\.\w+\.supabase\.co$/.test(new URL(value).hostname)
    ? 'is Supabase’s direct address, which is IPv6 only unless you pay for an IPv4 one: the functions reach no IPv6 address, though this machine may; take the transaction pooler (port 6543): docs/deploy.md'
    : null;

function databaseProblem(value: string): string | null {
  if (!URL.canParse(value)) return 'is not a URL; wanted: postgres://stripe_writer:<password>@<host>:6543/postgres';
  const { protocol, username } = new URL(value);
  if (!['postgres:', 'postgresql:'].includes(protocol)) return `begins with ${protocol}//, wanted: postgres://`;
  // Supabase's pooler wants the project behind the user's name: stripe_writer.abcdefgh
  if (!/^stripe_writer(\.|$)/.test(username))
    return `connects as "${username}"; the handlers must be stripe_writer, which may do nothing but apply events`;
  try {
    connectionOptions(value, null);
    return null;
  } catch {
    return 'cannot be taken apart; wanted: postgres://stripe_writer:<password>@<host>:6543/postgres, with special characters of the password %-encoded';
  }
}

function shownDatabase(value: string): string {
  if (!URL.canParse(value)) return 'no URL';
  const { protocol, username, host, pathname } = new URL(value);
  return `${protocol}//${username}:…@${host}${pathname}`;
}
