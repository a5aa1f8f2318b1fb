import { printableLines } from '../../core/shown.ts';
import { lineProgress, type ProgressReporter, terminalProgress } from './progress.ts';

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
  /** Nobody reads what is printed any more (`… | head`); what was begun is ended all the same. */
  readerGone(): boolean;
}

/** The terminal of this process. */
export function processTerminal(): Terminal {
  const interactive = Boolean(process.stdin.isTTY && process.stderr.isTTY);
  const prompts = { output: process.stderr };
  let gone = false;
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      gone ||= stream === process.stdout;
    });
  }
  return {
    out: (text) => void process.stdout.write(`${printableLines(text)}\n`),
    err: (text) => void process.stderr.write(`${printableLines(text)}\n`),
    interactive,
    colour: Boolean(process.stdout.isTTY) && !process.env.NO_COLOR,
    ask: async (message) => (await questions()).input({ message }, prompts),
    askSecret: async (message) => (await questions()).password({ message, mask: true }, prompts),
    progress: () => (interactive ? terminalProgress() : lineProgress()),
    readerGone: () => gone,
  };
}

/** Loaded when somebody is asked: most runs ask nobody. */
const questions = () => import('@inquirer/prompts');
