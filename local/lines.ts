const NEWLINE = 10;

/**
 * Cuts bytes into lines at `\n` and nowhere else.
 *
 * Not `node:readline`: that one also cuts at U+2028, U+2029 and a lone CR, all of which JSON may hold unescaped.
 */
export class LineSplitter {
  #rest: Buffer[] = [];
  #restBytes = 0;

  /** The lines that end in this chunk. */
  *push(chunk: Buffer): Generator<string> {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, from)) {
      const line = Buffer.concat([...this.#rest, chunk.subarray(from, end)]).toString();
      this.#rest = [];
      this.#restBytes = 0;
      from = end + 1;
      yield line;
    }
    if (from === chunk.length) return;
    this.#rest.push(chunk.subarray(from));
    this.#restBytes += chunk.length - from;
  }

  /** The last line, when no `\n` ended it. */
  *end(): Generator<string> {
    if (this.#restBytes > 0) yield Buffer.concat(this.#rest).toString();
    this.#rest = [];
    this.#restBytes = 0;
  }

  /** How much of an unfinished line is held. */
  get pendingBytes(): number {
    return this.#restBytes;
  }
}

/** The lines of a file or a stream. */
export async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const splitter = new LineSplitter();
  for await (const chunk of chunks) yield* splitter.push(chunk);
  yield* splitter.end();
}
