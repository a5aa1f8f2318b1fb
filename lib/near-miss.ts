/** The name that was probably meant: cut short (`env` for `environment`) or mistyped by up to two letters. */
export const nearestOf = <Name extends string>(names: readonly Name[], given: string): Name | undefined =>
  names.find((name) => resembles(name.toLowerCase(), given.toLowerCase()));

function resembles(ours: string, given: string): boolean {
  return (given.length >= 3 && ours.startsWith(given)) || distance(ours, given) <= 2;
}

/** Number of single-character edits between two words. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (const [index, letter] of [...a].entries()) {
    const next = [index + 1];
    for (let column = 1; column <= b.length; column++) {
      const replaced = (row[column - 1] ?? 0) + (letter === b[column - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
