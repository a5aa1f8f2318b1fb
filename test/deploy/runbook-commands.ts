import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inNamesOf } from '../../lib/watch/alarm-text.ts';

const docs = join(import.meta.dirname, '../../docs');
const pages = () => [...readdirSync(join(docs, 'runbooks')).map((file) => `runbooks/${file}`), 'deploy.md'];
const deployed = { appName: 'huntaze', environment: 'dev' } as const;

/** A page's text in the names of the deployment that the test makes. */
export const inNamesOfTheTest = (text: string): string => inNamesOf(text, deployed);

/** The shell blocks under `<!-- recipe: name -->`, by name, in the names of the deployment that the test makes or in those that `named` gives. */
export const recipes = (named = inNamesOfTheTest): Map<string, string> =>
  new Map(
    pages()
      .map((file) => named(readFileSync(join(docs, file), 'utf8')))
      .flatMap((text) =>
        [...text.matchAll(/<!-- recipe: ([\w-]+) -->\n```sh\n([\s\S]*?)```/g)].map(([, name, block]) => [
          name!,
          block!,
        ]),
      ),
  );
