import { SingleBar } from 'cli-progress';
import type { ProgressReporter } from '../replay/run.ts';

/** Where a verb's words go and a person's answers come from. */
export interface Terminal {
  /** Data and tables: what a pipe receives. */
  out(text: string): void;
  /** Progress, questions, errors: what a pipe leaves on the screen. */
  err(text: string): void;
  /** A person can be asked. */
  readonly interactive: boolean;
  readonly colour: boolean;
  ask(question: string): Promise<string>;
  askSecret(question: string): Promise<string>;
  progress(): ProgressReporter & { done(): void };
}

/** The terminal of this process. */
export function processTerminal(): Terminal {
  const interactive = Boolean(process.stdin.isTTY && process.stderr.isTTY);
  const prompts = { output: process.stderr };
  return {
    out: (text) => void process.stdout.write(`${text}\n`),
    err: (text) => void process.stderr.write(`${text}\n`),
    interactive,
    colour: Boolean(process.stdout.isTTY) && !process.env.NO_COLOR,
    ask: async (message) => (await questions()).input({ message }, prompts),
    askSecret: async (message) => (await questions()).password({ message, mask: true }, prompts),
    progress: () => (interactive ? terminalProgress() : lineProgress()),
  };
}

/** Loaded when somebody is asked: most runs ask nobody. */
const questions = () => import('@inquirer/prompts');

/** A bar, and a question on Ctrl-C. */
function terminalProgress(): ProgressReporter & { done(): void } {
  const bar = new SingleBar({
    format: '{bar} {percentage} % | {what}',
    hideCursor: true,
    stream: process.stderr,
    clearOnComplete: false,
  });
  let shown = false;
  const interruption = onInterrupt();
  return {
    progress(done, what) {
      if (!shown) bar.start(1, done, { what });
      else bar.update(done, { what });
      shown = true;
    },
    wait: interruption.wait,
    async ask() {
      if (shown) bar.stop();
      shown = false;
      const { confirm, select } = await questions();
      const choice = await select<'cancel' | 'leave' | 'go on'>(
        {
          message: 'Stop waiting?',
          choices: [
            { name: 'Go on waiting', value: 'go on' },
            { name: 'Cancel the replays that run (what is replayed stays replayed)', value: 'cancel' },
            { name: 'Leave, and let them run', value: 'leave' },
          ],
        },
        { output: process.stderr },
      ).catch(() => 'leave' as const);
      const sure =
        choice !== 'cancel' ||
        (await confirm({ message: 'Cancel them?', default: false }, { output: process.stderr }).catch(() => false));
      return sure ? choice : 'go on';
    },
    done() {
      if (shown) bar.stop();
      interruption.end();
    },
  };
}

/** A line whenever something changed; on SIGINT or SIGTERM it stops what it started, since nobody can be asked. */
function lineProgress(): ProgressReporter & { done(): void } {
  let last = '';
  const interruption = onInterrupt();
  return {
    progress(done, what) {
      const line = `${Math.floor(done * 100)} % | ${what}`;
      if (line !== last) process.stderr.write(`${line}\n`);
      last = line;
    },
    wait: interruption.wait,
    ask: async () => 'cancel',
    done: interruption.end,
  };
}

/** Holds Ctrl-C back for as long as somebody waits here; `wait` answers true as soon as it was pressed. */
function onInterrupt() {
  let pressed = false;
  let wake: (() => void) | undefined;
  const press = () => {
    pressed = true;
    wake?.();
  };
  process.on('SIGINT', press);
  process.on('SIGTERM', press);
  return {
    async wait(ms: number): Promise<boolean> {
      if (!pressed) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, ms);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      const was = pressed;
      pressed = false;
      return was;
    },
    end() {
      process.off('SIGINT', press);
      process.off('SIGTERM', press);
    },
  };
}
