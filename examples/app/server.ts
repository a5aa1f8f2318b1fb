import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { hasApiKey, readPlanEvent, UnreadablePlanEvent } from 'stripe-plan-events';
import { type Plan, planInWords } from './plan-words.ts';
import { asUser, server as database, NotSignedIn, signIn } from './supabase.ts';

type Answer = [status: number, body: string];

/** What the pipeline posts: kept if it is newer than what we have heard of that user. */
async function hear(request: IncomingMessage): Promise<Answer> {
  if (!hasApiKey(request.headers, process.env.API_KEY ?? '')) return [401, 'Wrong x-api-key.\n'];
  const { user_id, version, plan } = readPlanEvent(await text(request));
  await database.query(
    `insert into public.heard_plans (user_id, version, plan) values ($1, $2, $3)
     on conflict (user_id) do update set version = excluded.version, plan = excluded.plan
     where excluded.version > heard_plans.version`,
    [user_id, version, plan],
  );
  return [200, 'Heard.\n'];
}

const routes: Record<string, (request: IncomingMessage, token: string, url: URL) => Promise<Answer>> = {
  'POST /api/plans': hear,

  'GET /sign-in': async (_request, _token, url) => [200, signIn(url.searchParams.get('user') ?? '')],

  /** Whoever is signed in sees their plan in words. */
  async 'GET /plan'(_request, token) {
    const [plan] = await asUser(token, 'select * from public.my_plan');
    return [200, `${planInWords(plan as unknown as Plan)}\n`];
  },

  /** A gated page: the server asks before it shows anything. */
  async 'GET /premium'(_request, token) {
    const [answer] = await asUser(token, `select public.has_plan('PREMIUM') as allowed`);
    return answer?.allowed ? [200, 'Welcome to the premium page.\n'] : [402, 'This page is for PREMIUM. Upgrade?\n'];
  },

  /** A gated row: the policy of the table decides, not this line. */
  async 'POST /exports'(request, token) {
    const [row] = await asUser(token, 'insert into public.exports (name) values ($1) returning name', [
      await text(request),
    ]);
    return [201, `Exported ${row?.name}.\n`];
  },

  async 'GET /exports'(_request, token) {
    const rows = await asUser(token, 'select name from public.exports order by id');
    return [200, rows.map(({ name }) => `${name}\n`).join('')];
  },
};

await database.query(readFileSync(join(import.meta.dirname, 'tables.sql'), 'utf8'));

createServer(async (request, response) => {
  const url = new URL(request.url ?? '/', 'http://app');
  const token = request.headers.authorization?.replace(/^Bearer /, '') ?? '';
  const route = routes[`${request.method} ${url.pathname}`];
  const [status, body] = route
    ? await route(request, token, url).catch((error: unknown) => refusal(error))
    : ([404, 'There is no such page.\n'] as Answer);
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(body);
}).listen(Number(process.env.PORT ?? 3000), '127.0.0.1', function (this: { address(): unknown }) {
  console.log(`The app listens on http://127.0.0.1:${(this.address() as { port: number }).port}`);
});

/** What is refused says so; anything else is a 500, which the pipeline tries again. */
function refusal(error: unknown): Answer {
  if (error instanceof NotSignedIn) return [401, `${error.message}\n`];
  if (error instanceof UnreadablePlanEvent) return [400, `${error.message}\n`];
  // What row-level security refuses.
  if ((error as { code?: string }).code === '42501') return [403, 'Your plan does not allow that.\n'];
  console.error(error);
  return [500, 'Something went wrong.\n'];
}

async function text(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
