import { SingleBar } from 'cli-progress';

/** How a person waits: sees progress, may interrupt, is asked then. */
export interface ProgressReporter {
  /** Resolves after `ms`, or at once with true when the person interrupts. */
  wait(ms: number): Promise<boolean>;
  /** What to do with what runs. */
  ask(): Promise<'cancel' | 'leave' | 'go on'>;
  progress(done: number, what: string): void;
}

/** A bar, and a question on Ctrl-C. */
export function terminalProgress(): ProgressReporter & { done(): void } {
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
      const { confirm, select } = await import('@inquirer/prompts');
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
export function lineProgress(): ProgressReporter & { done(): void } {
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
