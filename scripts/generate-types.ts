/** Writes the types of config/plan-events.yaml, for us and for the apps; with --check, fails if they are not what is committed. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compile } from 'json-schema-to-typescript';
import { parse } from 'yaml';

const root = join(import.meta.dirname, '..');
const targets = ['core/plans/plan-event.generated.ts', 'packages/consumer/plan-event.d.ts'];
const schema = parse(readFileSync(join(root, 'config/plan-events.yaml'), 'utf8'));
const generated = await compile(schema, 'PlanEvent', {
  bannerComment: '// Made from config/plan-events.yaml by `npm run generate`. Do not edit.',
  style: { singleQuote: true, printWidth: 120 },
});

for (const target of targets) {
  if (!process.argv.includes('--check')) writeFileSync(join(root, target), generated);
  else if (readFileSync(join(root, target), 'utf8') !== generated) {
    console.error(
      `${target} is not what config/plan-events.yaml says. Run \`npm run generate\` and commit the result.`,
    );
    process.exit(1);
  }
}
