import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { printable } from '../core/shown.ts';
import { sendsTo } from '../stripe-simulator/event-destinations.ts';
import { startStripeServer } from '../stripe-simulator/server.ts';
import { LOCAL_EVENT_SOURCE } from './cloudformation/synthesise.ts';
import { type Demonstration, prepareDemonstration, runDemonstration } from './demonstration/demonstration.ts';
import { type Forward, readForwardUrl } from './forward.ts';
import { PortInUse, startHttpServer } from './http/http-server.ts';
import { LocalPipeline, type PipelineOptions } from './local-pipeline.ts';
import { RunTerminal } from './run-terminal.ts';
import { Shutdown } from './shutdown.ts';

interface Options {
  once: boolean;
  demo: boolean;
  port: number;
  /** Where plan events are posted to. */
  forward?: string;
}

/**
 * The local run from its first line to its last.
 * @returns the exit code: 0 done, 1 the demonstration ended in a state it should not, or something broke, 2 wrong usage.
 */
export async function runLocally(argv: string[]): Promise<number> {
  const options = readOptions(argv);
  if (typeof options === 'number') return options;
  const shutdown = new Shutdown();
  const terminal = new RunTerminal();
  shutdown.add('the terminal', () => terminal.close());
  const ended = untilStopped(shutdown, options);
  try {
    return await Promise.race([run(options, shutdown, terminal), ended]);
  } catch (error) {
    if (error instanceof PortInUse) {
      terminal.fail(error.message);
      return 2;
    }
    // Once a stop began, what was under way fails; that is no news.
    if (shutdown.begun) return await ended;
    terminal.fail((error as Error).message);
    return 1;
  } finally {
    await shutdown.run();
  }
}

async function run(
  { once, demo, port, forward: forwardUrl }: Options,
  shutdown: Shutdown,
  terminal: RunTerminal,
): Promise<number> {
  const server = await startHttpServer(port, shutdown);
  terminal.say(`Starting: ${server.url} answers in a few seconds.`);
  const ownDatabaseUrl = process.env.DATABASE_URL || undefined;
  // A database that outlives the run has seen the demonstration before.
  const demonstration = demo
    ? prepareDemonstration(ownDatabaseUrl === undefined ? '' : `${Math.floor(Date.now() / 1000).toString(36)}_`)
    : undefined;
  const forward = forwardUrl === undefined ? undefined : forwardTo(forwardUrl);
  const pipeline = await LocalPipeline.start({
    shutdown,
    ownDatabaseUrl,
    stripe: await stripeSettings(demonstration, shutdown),
    forward,
    // One sentence each, with words of events in it.
    say: (text) => terminal.say(printable(text)),
  });
  server.serve(pipeline);
  terminal.say(`Ready: ${server.url}`);
  if (forward) terminal.say(`Plan events are posted to ${forward.url}, with the header x-api-key: ${forward.apiKey}`);
  if (demonstration) {
    const problems = await runDemonstration(demonstration, pipeline, terminal);
    if (problems.length === 0)
      terminal.say(terminal.good('Every plan state is as expected, and the replay changed nothing.'));
    for (const problem of problems) terminal.fail(terminal.bad(problem));
    if (once) return problems.length === 0 ? 0 : 1;
  }
  if (once) return 0;
  terminal.say(`\nServing at ${server.url} (POST /stripe, GET /state, POST /replay). Ctrl-C stops everything.`);
  return new Promise<number>(() => {});
}

/** The key that the app expects, when it checks one; in AWS it is `API_KEY` in the secret. */
const forwardTo = (url: string): Forward => ({ url, apiKey: process.env.PIPELINE_API_KEY || 'local-api-key' });

/** The demonstration's customers live in a Stripe of its own; what that one does not know, it asks the user's, if there is a key. */
async function stripeSettings(
  demonstration: Demonstration | undefined,
  shutdown: Shutdown,
): Promise<PipelineOptions['stripe']> {
  const secretKey = process.env.STRIPE_SECRET_KEY ?? '';
  const apiBase = process.env.STRIPE_API_BASE || undefined;
  if (!demonstration) return { apiBase, secretKey, sendsHere: false };
  const upstream = secretKey === '' ? undefined : (apiBase ?? 'https://api.stripe.com');
  const server = await startStripeServer({ account: demonstration.account, key: null, upstream });
  shutdown.add('the Stripe simulator', server.close);
  sendsTo(server, LOCAL_EVENT_SOURCE);
  return {
    apiBase: server.url,
    secretKey: secretKey || 'sk_test_local',
    sendsHere: true,
  };
}

function readOptions(argv: string[]): Options | number {
  const command = new Command('npm start --')
    .description(
      'Runs the whole pipeline on this machine, from the synthesised template: bus, queues, functions, Postgres.',
    )
    .option('--once', 'end after the demonstration: 0 if every plan state is as expected, 1 if not', false)
    .option('--no-demo', 'only serve')
    .option('--port <number>', 'port on 127.0.0.1; 0 takes any free one', readPort, 4000)
    .option('--forward <url>', 'post plan events to your app, as the API destination does in AWS', readUrl)
    .allowExcessArguments(false)
    .exitOverride();
  try {
    return command.parse(argv).opts<Options>();
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? 0 : 2;
  }
}

function readPort(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) throw new InvalidArgumentError('Wanted a number from 0 to 65535.');
  return port;
}

function readUrl(text: string): string {
  try {
    return readForwardUrl(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

/**
 * Resolves with the exit code once a signal has stopped everything, or rejects with an error that nobody handled.
 *
 * A server that is asked to stop has done what it should: 0. A demonstration that was cut short has not.
 */
function untilStopped(shutdown: Shutdown, { once }: Options): Promise<number> {
  return new Promise((resolve, reject) => {
    for (const [signal, number] of [
      ['SIGINT', 2],
      ['SIGTERM', 15],
      ['SIGHUP', 1],
    ] as const) {
      process.once(signal, () => {
        // A second Ctrl-C while stopping ends at once: its handler is gone by then.
        void shutdown.run().then(() => resolve(once ? 128 + number : 0));
      });
    }
    whenNpmIsGone(() => {
      void shutdown.run().then(() => resolve(once ? 128 + 15 : 0));
    });
    for (const failure of ['uncaughtException', 'unhandledRejection'] as const) {
      process.on(failure, (error: Error) => {
        if (!shutdown.begun) reject(error);
      });
    }
  });
}

/** A shell between npm and us dies of npm's SIGTERM without passing it on; we would live on with the port, all functions and Postgres. */
function whenNpmIsGone(stop: () => void): void {
  if (process.env.npm_lifecycle_event === undefined) return;
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    stop();
  }, 500);
  timer.unref();
}
