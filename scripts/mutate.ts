import { parseArgs } from 'node:util';
import { claims } from '../test/properties/claims.ts';
import { examples } from '../test/properties/examples.ts';
import { mutate, mutations } from '../test/properties/mutations.ts';
import { type ScratchDatabase, scratchServer } from '../test/properties/scratch.ts';

/**
 * `npm run prove:mutations [-- --only text] [--runs N]`: breaks the rules one by one in a scratch database and shows which claim notices.
 *
 * Prints a Markdown table, the one in docs/correctness.md. Exit code 1 when a mutation survives or no longer fits the migrations.
 */
const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    runs: { type: 'string', default: '150' },
    seed: { type: 'string', default: '1' },
  },
});
const [runs, seed] = [Number(values.runs), Number(values.seed)];

/** Which claim noticed, by which difference. */
type Verdict = { claim: string; difference: string } | undefined;

const server = await scratchServer();
let survivors = 0;
try {
  console.log('| what is wrong | noticed by | with |\n|---|---|---|');
  for (const mutation of mutations.filter(({ name }) => name.includes(values.only))) {
    const database = await server.open((sql) => mutate(mutation, sql));
    const verdict = await firstToNotice({ ...database, answersFromBefore: mutation.answersFromBefore ?? false });
    await database.close();
    if (!verdict && !mutation.spare) survivors += 1;
    const unnoticed = mutation.spare ? `nobody, rightly: ${mutation.spare} | ` : '**nobody** | ';
    console.log(`| ${mutation.name} | ${verdict ? `${verdict.claim} | ${verdict.difference}` : unnoticed} |`);
  }
} finally {
  await server.remove();
}
if (survivors > 0) {
  console.error(`${survivors} mutations survived`);
  process.exitCode = 1;
}

async function firstToNotice(database: ScratchDatabase & { answersFromBefore: boolean }): Promise<Verdict> {
  // A few histories of each claim first: most mutations fall at once. Then what was found once; then many more.
  for (const share of [0.1, 0, 1]) {
    if (share === 0) {
      for (const { short, hold } of examples) {
        const difference = await differenceOf(() => hold(database));
        if (difference) return { claim: `example: ${short}`, difference };
      }
    }
    for (const claim of share === 0 ? [] : claims) {
      const difference = await differenceOf(() =>
        claim.hold(database, Math.ceil(runs * claim.weight * share), seed, { shrink: false }),
      );
      if (difference) return { claim: claim.short, difference };
    }
  }
  return undefined;
}

async function differenceOf(hold: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await hold();
    return undefined;
  } catch (error) {
    const { cause, message } = error as Error;
    return inOneLine(cause instanceof Error ? cause.message : message);
  }
}

/** The first difference that the claim reports, its ids left out. */
function inOneLine(message: string): string {
  const [first = '', second = ''] = message.split('\n');
  return (first.endsWith(':') ? second : first)
    .trim()
    .replace(/(\w+?_)[hr][0-9a-z]+?x\d+/g, '$1…')
    .replaceAll('|', '\\|')
    .slice(0, 150);
}
