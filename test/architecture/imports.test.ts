import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** Imports flow one way (docs/architecture.md, "Who imports whom"): one table, held for every room. */

const root = join(import.meta.dirname, '../..');

interface Rule {
  /** Other rooms, or single files of them, that it may import. */
  may: readonly string[];
  /** The same, but types only: nothing of them runs. */
  mayTypesOf?: readonly string[];
  /** The only packages it may import, for rooms where that matters. */
  packages?: readonly string[];
  /** Said when the rule is broken. */
  because: string;
}

const rooms = {
  core: {
    may: [],
    packages: ['zod/mini', 'ajv'],
    because:
      'core is what we believe about Stripe and plans: no clock, network, SQL or AWS, so that all of it is tested by calling it',
  },
  pipeline: {
    may: ['core'],
    because:
      'the application says what it needs (pipeline/ports.ts) and is handed it by lambdas/, so that a test can hand it another',
  },
  adapters: {
    may: ['core'],
    mayTypesOf: ['pipeline'],
    because: 'an adapter speaks to one thing outside, and serves a port of the application without running any of it',
  },
  lambdas: {
    may: ['core', 'pipeline', 'adapters'],
    because: 'handlers plug real parts together; what deploys or plays them is not bundled into a function',
  },
  lib: {
    may: ['core', 'lambdas/env.ts'],
    because:
      'the stack knows of the handlers only what they need in their environment; their code is bundled, not imported',
  },
  ops: {
    may: [
      'core',
      'pipeline',
      'adapters',
      'lib/names.ts',
      'lib/outputs.ts',
      'lib/config-files.ts',
      'lib/watch/saved-queries.ts',
      'lib/settings.ts',
      'lib/environment-file.ts',
    ],
    because: 'a verb finds a deployment by its outputs and starts without the CDK, which takes a second to load',
  },
  'stripe-simulator': {
    may: ['core'],
    because: 'it plays Stripe: it may know its API versions, and nothing of what reads them',
  },
  local: {
    may: ['core', 'adapters', 'stripe-simulator'],
    because:
      'the local run reads the synthesised template, as CloudFormation would: what it took from lib/ would not be proved',
  },
  scripts: {
    may: [
      'core',
      'pipeline',
      'adapters',
      'lib',
      'local',
      'stripe-simulator',
      'test/attack',
      'test/properties',
      'test/support',
      'test/pipeline/local-run.ts',
    ],
    because: 'a script is what npm runs; it drives the proof, the attack and the local run, and nothing imports it',
  },
  bench: {
    may: ['core', 'pipeline', 'adapters', 'lambdas/env.ts', 'lib', 'local', 'stripe-simulator', 'test/support'],
    because: 'a measurement runs what is deployed, and nothing imports it but the test of its arithmetic',
  },
  test: {
    may: [
      'core',
      'pipeline',
      'adapters',
      'lambdas',
      'lib',
      'ops',
      'local',
      'stripe-simulator',
      'packages',
      'examples',
      'bench/cost',
    ],
    because: 'a test imports what it holds; what a script and a test both need stands in test/support',
  },
  packages: {
    may: [],
    because: 'what an app installs works in its repository, where nothing of ours lies',
  },
  examples: {
    may: [],
    because: 'an example is copied into an app, which has the package and nothing else of ours',
  },
  bin: { may: ['lib', 'ops', 'local'], because: 'entry points for people hold no logic' },
} as const satisfies Record<string, Rule>;
type Room = keyof typeof rooms;

/** Files with a rule of their own, and why. */
const exceptions: Record<string, { may: string[]; because: string }> = {
  'ops/deployment/print-local-deployment.ts': {
    may: ['lib/settings.ts', 'lib/stripe-pipeline-stack.ts'],
    because: 'it synthesises in a process of its own, which ops/deployment/local-deployment.ts starts',
  },
};

const read = 'Read docs/architecture.md, "Who imports whom".';

interface Import {
  from: string;
  to: string;
  typesOnly: boolean;
}

const roomOf = (path: string) => path.split('/')[0]! as Room;
const isOurs = (path: string) => Object.hasOwn(rooms, roomOf(path));
const within = (path: string, places: readonly string[]) =>
  places.some((place) => path === place || path.startsWith(`${place}/`));

const files = Object.keys(rooms).flatMap((room) =>
  readdirSync(join(root, room), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(room, file)),
);

/** Relative imports as paths from the root; packages by name. */
const imports: Import[] = files.flatMap((from) => {
  const text = readFileSync(join(root, from), 'utf8');
  return [
    ...text.matchAll(/^(?:import|export)( type)?[^'"]*?from '([^']+)'|^import '([^']+)'|import\('([^']+)'\)/gm),
  ].map(([, type, named, bare, dynamic]) => {
    const target = (named ?? bare ?? dynamic)!;
    return {
      from,
      to: target.startsWith('.') ? relative(root, join(root, dirname(from), target)) : target,
      typesOnly: type !== undefined,
    };
  });
});

/** What is wrong with an import, in a sentence; undefined when it may be. */
function problemOf({ from, to, typesOnly }: Import): string | undefined {
  const rule: Rule = rooms[roomOf(from)];
  if (!isOurs(to)) {
    if (to.startsWith('.') || !rule.packages || rule.packages.includes(to)) return undefined;
    return `${from} imports ${to}. Of packages, ${roomOf(from)}/ has only ${rule.packages.join(' and ')}: ${rule.because}.`;
  }
  const may = [roomOf(from), ...rule.may, ...(exceptions[from]?.may ?? [])];
  if (within(to, may) || (typesOnly && within(to, rule.mayTypesOf ?? []))) return undefined;
  const allowed = [...rule.may, ...(rule.mayTypesOf ?? []).map((place) => `types of ${place}`)];
  return `${from} imports ${to}. ${roomOf(from)}/ may import ${allowed.length > 0 ? allowed.join(', ') : 'nothing of ours'}: ${rule.because}.`;
}

function hold(problems: string[]): void {
  if (problems.length > 0) throw new Error(`${problems.join('\n')}\n${read}`);
}

it('has a rule for every folder with code', () => {
  const withCode = readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !/^(\.|node_modules|cdk\.out|coverage)/.test(entry.name))
    .map(({ name }) => name)
    .filter((name) =>
      readdirSync(join(root, name), { recursive: true, encoding: 'utf8' }).some((file) => /\.m?ts$/.test(file)),
    );
  hold(
    withCode
      .filter((name) => !isOurs(name))
      .map(
        (name) =>
          `${name}/ holds code and has no rule in test/architecture/imports.test.ts: say there what it may import.`,
      ),
  );
});

it.each(Object.keys(rooms) as Room[])('%s imports only what it may', (room) => {
  const ofRoom = imports.filter(({ from }) => roomOf(from) === room);
  expect(ofRoom.length).toBeGreaterThan(0);
  hold(ofRoom.flatMap((each) => problemOf(each) ?? []));
});

it('says which rule an import breaks, why the rule is there, and what to read', () => {
  const problem = problemOf({ from: 'ops/deployment/aws.ts', to: 'lib/stripe-pipeline-stack.ts', typesOnly: false });
  expect(problem).toMatch(
    /^ops\/deployment\/aws\.ts imports lib\/stripe-pipeline-stack\.ts\. ops\/ may import core, .*starts without the CDK/,
  );
  expect(() => hold([problem!])).toThrow(/Read docs\/architecture\.md/);
  expect(problemOf({ from: 'core/origin.ts', to: 'node:fs', typesOnly: false })).toMatch(/has only zod\/mini and ajv/);
  expect(problemOf({ from: 'adapters/stripe.ts', to: 'pipeline/ports.ts', typesOnly: true })).toBeUndefined();
  expect(problemOf({ from: 'adapters/stripe.ts', to: 'pipeline/ports.ts', typesOnly: false })).toMatch(
    /types of pipeline/,
  );
});

it('core asks for no time, no chance and no environment', () => {
  hold(
    files
      .filter((file) => roomOf(file) === 'core')
      .filter((file) =>
        /\bDate\.now\(|new Date\(\)|Math\.random\(|process\.env/.test(readFileSync(join(root, file), 'utf8')),
      )
      .map((file) => `${file} asks for the time, for chance or for the environment: ${rooms.core.because}.`),
  );
});

it('no verb loads the CDK, by whatever way', () => {
  const reached = new Map<string, string[]>();
  const visit = (file: string, path: string[]): void => {
    if (reached.has(file)) return;
    reached.set(file, path);
    for (const { to, typesOnly } of imports.filter(({ from }) => from === file))
      if (!typesOnly) visit(to, [...path, to]);
  };
  visit('bin/ops.ts', ['bin/ops.ts']);
  hold(
    [...reached]
      .filter(([file]) => /^(aws-cdk-lib|constructs|cdk-nag)\b/.test(file))
      .map(([, path]) => `${path.join(' → ')}: a verb would take a second longer to start.`),
  );
});

it('has no two files that import each other in a circle', () => {
  const edges = Map.groupBy(
    imports.filter(({ to }) => isOurs(to)),
    ({ from }) => from,
  );
  const circles: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, path: string[]): void => {
    if (path.includes(file)) {
      circles.push(
        `${[...path.slice(path.indexOf(file)), file].join(' → ')}: a circle; move what both need to a file of its own.`,
      );
      return;
    }
    if (done.has(file)) return;
    for (const { to } of edges.get(file) ?? []) visit(to, [...path, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
  hold(circles);
});
