const BITS = 2 ** 23;

/**
 * Remembers ids in one megabyte, however many: a Bloom filter. `has` is right about every id that was added; of others it takes one in ten
 * thousand for added while there are 350,000, one in forty at a million. For what may be left to the next run.
 */
export class IdFilter {
  readonly #bits = new Uint8Array(BITS / 8);

  add(id: string): void {
    for (const place of placesOf(id)) this.#bits[place >>> 3]! |= 1 << (place & 7);
  }

  has(id: string): boolean {
    return placesOf(id).every((place) => (this.#bits[place >>> 3]! & (1 << (place & 7))) !== 0);
  }
}

/** Four bits of an id, from two hashes (FNV-1a forwards and backwards). @see https://en.wikipedia.org/wiki/Bloom_filter */
function placesOf(id: string): number[] {
  let one = 0x811c9dc5;
  let other = 0x811c9dc5;
  for (let at = 0; at < id.length; at += 1) {
    one = Math.imul(one ^ id.charCodeAt(at), 0x01000193);
    other = Math.imul(other ^ id.charCodeAt(id.length - 1 - at), 0x01000193);
  }
  // The low bits of FNV mix little.
  one ^= one >>> 15;
  other = (other ^ (other >>> 15)) | 1;
  return [0, 1, 2, 3].map((n) => (one + n * other) & (BITS - 1));
}
