/** Writes core/plans/plan-event.generated.ts from config/plan-events.yaml; with --check, fails if it is not what is committed. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compile } from 'json-schema-to-typescript';
import { parse } from 'yaml';

const root = join(import.meta.dirname, '..');
const target = join(root, 'core/plans/plan-event.generated.ts');
const schema = parse(readFileSync(join(root, 'config/plan-events.yaml'), 'utf8'));
const generated = await compile(schema, 'PlanEvent', {
  bannerComment: '// Made from config/plan-events.yaml by `npm run generate`. Do not edit.',
  style: { singleQuote: true, printWidth: 120 },
});

if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== generated) {
    console.error(
      'core/plans/plan-event.generated.ts is not what config/plan-events.yaml says. Run `npm run generate` and commit the result.',
    );
    process.exit(1);
  }
} else {
  writeFileSync(target, generated);
}
