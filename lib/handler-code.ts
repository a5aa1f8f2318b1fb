import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { AssetHashType, DockerImage } from 'aws-cdk-lib';
import { Code } from 'aws-cdk-lib/aws-lambda';
import { type BuildFailure, buildSync } from 'esbuild';
import type { FunctionName } from './names.ts';
import type { Settings } from './settings.ts';

const root = join(import.meta.dirname, '..');

/**
 * The code of one function: `lambdas/<name>/handler.ts` and all it imports, in one CommonJS file with its source map.
 *
 * The asset's hash is that of the output, so a comment changes nothing that is deployed, and a changed plan or
 * certificate, which are bundled, does. Where nothing is bundled (`aws:cdk:bundling-stacks: []`), the sources stand in.
 */
export function handlerCode(name: FunctionName, settings: Pick<Settings, 'catalogue' | 'databaseCa'>): Code {
  const define = {
    BUNDLED_CATALOGUE: JSON.stringify(settings.catalogue),
    BUNDLED_DATABASE_CA: JSON.stringify(settings.databaseCa ?? null),
  };
  return Code.fromAsset(join(root, 'lambdas', name), {
    assetHashType: AssetHashType.OUTPUT,
    bundling: {
      // CDK wants an image as a fallback; `tryBundle` either succeeds or throws, so it is never pulled.
      image: DockerImage.fromRegistry('unused'),
      // Part of CDK's cache key; without it two apps of one process would share a bundle in spite of different plans.
      environment: { DEFINE: createHash('sha256').update(JSON.stringify(define)).digest('hex') },
      local: {
        tryBundle: (outputFolder) => {
          writeBundle(join('lambdas', name, 'handler.ts'), outputFolder, define);
          return true;
        },
      },
    },
  });
}

/**
 * Bundles `entry` (relative to the repository) to `index.js`, its map and a `package.json` in `outputFolder`.
 *
 * `mainFields` prefers the SDK's ES modules, which are a third smaller, and CommonJS output starts 18 ms sooner than ES
 * modules, because `import 'node:http'` costs 20 ms and `require` does not. The SDK is bundled: the runtime's own copy
 * loads slower and changes without us. Names are kept, because that loads as fast as `minifyIdentifiers`, and 3 ms faster
 * than `keepNames`, and an error's stack can be read. Lines are short, because Node prints the line of an uncaught error.
 * @throws {Error} with esbuild's messages: file, line and what is wrong.
 */
export function writeBundle(entry: string, outputFolder: string, define: Record<string, string>): void {
  let files: { path: string; contents: Uint8Array }[];
  try {
    files = buildSync({
      absWorkingDir: root,
      entryPoints: [entry],
      // Never written to: files are placed below. A fixed folder keeps the map's paths, hence the hash, the same everywhere.
      outfile: join(root, 'bundle', 'index.js'),
      write: false,
      bundle: true,
      platform: 'node',
      target: 'node24',
      format: 'cjs',
      mainFields: ['module', 'main'],
      minifySyntax: true,
      minifyWhitespace: true,
      lineLimit: 200,
      sourcemap: 'linked',
      sourcesContent: false,
      legalComments: 'none',
      external: ['pg-native'],
      define,
      logLevel: 'silent',
    }).outputFiles;
  } catch (cause) {
    const failure = cause as Partial<BuildFailure>;
    const lines = failure.errors?.map(
      ({ text, location }) => `${location ? `${location.file}:${location.line}:${location.column}: ` : ''}${text}`,
    );
    throw new Error(`${entry} cannot be bundled:\n${(lines ?? [String(cause)]).join('\n')}`, { cause });
  }
  mkdirSync(outputFolder, { recursive: true });
  for (const { path, contents } of files) writeFileSync(join(outputFolder, basename(path)), contents);
  // Below this repository, whose package is of type module, Node would take index.js for an ES module.
  writeFileSync(join(outputFolder, 'package.json'), '{"type":"commonjs"}\n');
}
