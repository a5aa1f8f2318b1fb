import { createHmac, timingSafeEqual } from 'node:crypto';
import pg from 'pg';

/**
 * What Supabase does for an app, in forty lines, so that this example needs no Supabase: sign-in gives a token, and a query runs as the token's user.
 * In an app of yours it is `@supabase/supabase-js` with the user's session: `supabase.from('my_plan').select('*').single()`.
 */

/** The server's own connection: for what it hears, never for what a user asks. */
export const server = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 4 });

const secret = process.env.JWT_SECRET ?? 'only-for-this-example';
const base64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const signed = (text: string) => createHmac('sha256', secret).update(text).digest('base64url');

/** A token as Supabase's sign-in gives it. */
export function signIn(userId: string): string {
  const text = `${base64({ alg: 'HS256', typ: 'JWT' })}.${base64({ sub: userId, role: 'authenticated' })}`;
  return `${text}.${signed(text)}`;
}

/** @returns the claims of a token that we signed; null for any other. */
function claimsOf(token: string): { sub: string } | null {
  const [head, body, signature = ''] = token.split('.');
  const [wanted, given] = [Buffer.from(signed(`${head}.${body}`)), Buffer.from(signature)];
  if (!body || wanted.length !== given.length || !timingSafeEqual(wanted, given)) return null;
  return JSON.parse(Buffer.from(body, 'base64url').toString()) as { sub: string };
}

export class NotSignedIn extends Error {}

/** Runs one statement as the user of the token, under row-level security. @throws {NotSignedIn} */
export async function asUser(token: string, sql: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
  const claims = claimsOf(token);
  if (claims === null) throw new NotSignedIn('Sign in first.');
  const client = await server.connect();
  try {
    await client.query('begin');
    await client.query(`select set_config('request.jwt.claims', $1, true)`, [JSON.stringify(claims)]);
    await client.query('set local role authenticated');
    const { rows } = await client.query(sql, values);
    await client.query('commit');
    return rows;
  } catch (error) {
    await client.query('rollback');
    throw error;
  } finally {
    client.release();
  }
}
