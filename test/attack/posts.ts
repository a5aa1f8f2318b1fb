import { printableLines } from '../../core/shown.ts';
import { workers } from '../../core/workers.ts';
import type { PipelineState } from '../../local/pipeline-state.ts';
import { Shutdown } from '../../local/shutdown.ts';
import { startLocalRun } from '../pipeline/local-run.ts';
import { subscriptionEvent } from '../support/stripe-samples.ts';
import { SECRET } from './hostile-values.ts';
import { ignorantStripe } from './ignorant-stripe.ts';
import { hostileMessages } from './inputs.ts';
import { Random } from './random.ts';

/** How posts to the local run ended. */
export interface PostFindings {
  tried: number;
  /** 202: read, and settled as any event. */
  taken: number;
  /** 400, naming the line and the field. */
  refused: number;
  /** Settled events of all that were taken. */
  settled: number;
  stuck: number;
  /** Answered with anything else, or by nobody; functions and pages that ended. */
  crashed: number;
  /** Lines of the run's output that hold personal data, or what moves a terminal's cursor. */
  leaked: number;
  disturbed: number;
  neighbours: number;
  examples: string[];
}

const POSTS_BETWEEN_NEIGHBOURS = 8;
const SETTLED_WITHIN_SECONDS = 300;

/** Posts `runs` hostile events to a local run, as JSON or among the lines of an NDJSON, with posts of healthy ones between. */
export async function attackPosts(runs: number, seed: number): Promise<PostFindings> {
  const found: PostFindings = {
    tried: 0,
    taken: 0,
    refused: 0,
    settled: 0,
    stuck: 0,
    crashed: 0,
    leaked: 0,
    disturbed: 0,
    neighbours: 0,
    examples: [],
  };
  const shutdown = new Shutdown();
  const run = await startLocalRun(['--no-demo', '--port', '0'], {
    STRIPE_API_BASE: await ignorantStripe(shutdown),
    STRIPE_SECRET_KEY: `sk_test_${SECRET}`,
  });
  const functions = processesOf(await run.state());
  try {
    const random = new Random(seed);
    for (const { body } of bothWorkers(random, runs)) {
      const many = random.below(2) === 0;
      const answer = await run
        .send('/stripe', posted(body), many ? 'application/x-ndjson' : 'application/json')
        .then(({ status }) => status)
        .catch((error: Error) => error.message);
      found.tried += 1;
      if (answer === 202) found.taken += 1;
      else if (answer === 400 || answer === 413) found.refused += 1;
      else {
        found.crashed += 1;
        found.examples.push(`${answer}: ${body.slice(0, 300)}`);
      }
      if (found.tried % POSTS_BETWEEN_NEIGHBOURS !== 0) continue;
      found.neighbours += 1;
      const customer = { id: `sub_ok${found.neighbours}`, customer: `cus_ok${found.neighbours}` };
      const healthy = subscriptionEvent(`evt_ok${found.neighbours}`, 'created', 1_795_000_000, {
        ...customer,
        metadata: { user_id: `ok${found.neighbours}` },
      });
      if ((await run.post([healthy])).status !== 202) found.disturbed += 1;
    }
    await judge(run, found, functions);
  } finally {
    await run.stop();
    await shutdown.run();
  }
  return found;
}

function* bothWorkers(random: Random, runs: number) {
  for (const worker of workers) yield* hostileMessages(random, worker, Math.ceil(runs / workers.length));
}

/** What Stripe would have sent for this message: the event in its envelope, of test mode; the whole text where there is none. */
function posted(body: string): string {
  const text = body.replaceAll('"livemode":true', '"livemode":false');
  const [, event] = /^\{"version".*?,"detail":(.*)\}$/s.exec(text) ?? [];
  return event ?? text;
}

const processesOf = ({ functions }: PipelineState): number[] =>
  Object.values(functions).flatMap(({ processes }) => processes);

async function judge(
  run: Awaited<ReturnType<typeof startLocalRun>>,
  found: PostFindings,
  functions: readonly number[],
): Promise<void> {
  const state = await run.idle(SETTLED_WITHIN_SECONDS).catch(() => run.state());
  found.stuck = state.unexplained + state.undelivered + (state.idle ? 0 : Math.max(1, state.deferred.length));
  found.examples.push(...state.deferred.slice(0, 3).map((message) => JSON.stringify(message)));
  found.settled = Object.values(state.outcomes).reduce((sum, count) => sum + count, 0);
  const right = state.plans.filter(
    ({ user_id, plan_id, status }) => /^ok\d+$/.test(user_id ?? '') && plan_id === 'premium' && status === 'active',
  );
  found.disturbed += found.neighbours - right.length;
  found.crashed += functions.filter((pid) => !processesOf(state).includes(pid)).length;
  const bad = run
    .output()
    .split('\n')
    .filter((line) => line.includes(SECRET) || line !== printableLines(line));
  found.leaked = bad.length;
  found.examples.push(...bad.slice(0, 3).map((line) => JSON.stringify(line.slice(0, 300))));
}

export const describePosts = (found: PostFindings): string =>
  `posts to the local run: tried ${found.tried}, refused ${found.refused}, taken and settled ${found.taken}; stuck ${found.stuck}, crashed ${found.crashed}, leaked ${found.leaked}, neighbours disturbed ${found.disturbed} of ${found.neighbours}`;

export const isPostHarmed = ({ stuck, crashed, leaked, disturbed }: PostFindings): boolean =>
  stuck + crashed + leaked + disturbed > 0;
