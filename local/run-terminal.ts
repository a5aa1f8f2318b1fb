import { SingleBar } from 'cli-progress';
import Table from 'cli-table3';
import colors from 'picocolors';
import { printableLines } from '../core/shown.ts';

/** How far something long is: a bar on a terminal, a line now and then elsewhere. */
export interface Progress {
  to(value: number, phase: string): void;
  end(): void;
}

/** Elsewhere than on a terminal, a line so often says enough. */
const SECONDS_BETWEEN_LINES = 3;

/** What people at the terminal see. */
export class RunTerminal {
  readonly #interactive = process.stdout.isTTY === true;
  #bar: SingleBar | undefined;

  say(text: string): void {
    this.#above(() => process.stdout.write(`${printableLines(text)}\n`));
  }

  fail(text: string): void {
    this.#above(() => process.stderr.write(`${printableLines(text)}\n`));
  }

  progress(total: number): Progress {
    return this.#interactive ? this.#drawnProgress(total) : this.#writtenProgress(total);
  }

  /** Gives the terminal back as it was: the bar hides the cursor, and turns line wrapping off. */
  close(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }

  /** Whether a table of some hundred and fifty characters fits into a line. */
  get wide(): boolean {
    return (process.stdout.columns ?? 200) >= 150;
  }

  table(head: string[], rows: string[][]): void {
    // Without a terminal no colours and no box: the lines are for a log, or for grep.
    const plain = {
      chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
      style: { head: [], border: [], compact: true },
    };
    const table = new Table({
      head,
      ...(this.#interactive ? { style: { head: ['bold'], border: ['gray'], compact: true } } : plain),
    });
    table.push(...rows);
    this.say(table.toString());
  }

  good = (text: string): string => (this.#interactive ? colors.green(text) : text);
  bad = (text: string): string => (this.#interactive ? colors.red(text) : text);

  /** The bar stands in the line that is about to be written: away with it, then back below. */
  #above(write: () => void): void {
    if (this.#bar) process.stdout.write('\r\u001b[K');
    write();
    this.#bar?.render();
  }

  #drawnProgress(total: number): Progress {
    const bar = new SingleBar({
      format: '  {bar} {value}/{total} events settled · {phase}',
      hideCursor: true,
      barCompleteChar: '█',
      barIncompleteChar: '░',
      clearOnComplete: true,
      barsize: 32,
      gracefulExit: false,
    });
    bar.start(total, 0, { phase: '' });
    this.#bar = bar;
    return {
      to: (value, phase) => bar.update(Math.min(value, total), { phase }),
      end: () => {
        this.#bar = undefined;
        bar.stop();
      },
    };
  }

  #writtenProgress(total: number): Progress {
    let last = 0;
    let lastPhase = '';
    return {
      to: (value, phase) => {
        const due = Date.now() - last > SECONDS_BETWEEN_LINES * 1000;
        if (!due && phase === lastPhase) return;
        last = Date.now();
        lastPhase = phase;
        this.say(`  ${value}/${total} events settled · ${phase}`);
      },
      end: () => {},
    };
  }
}
