/** Writes docs/log-queries.md from lib/watch/saved-queries.ts; with --check, fails if it is not what is committed. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { savedQueries, textOf } from '../lib/watch/saved-queries.ts';

const target = join(import.meta.dirname, '../docs/log-queries.md');
const generated = `# The saved queries of the logs

Made from [\`lib/watch/saved-queries.ts\`](../lib/watch/saved-queries.ts) by \`npm run generate\`; do not edit.

Ask one on the command line: \`npm run ops -- logs "failures by reason" --env prod\` (\`--minutes 60\`, \`--id evt_…\` where a query says REPLACE). In the
console they stand under Logs Insights → Saved queries, in the folder of the stack. By hand: choose the log groups \`/aws/lambda/huntaze-stripe-…-prod\` of the
functions named below, paste the text.

${savedQueries
  .map(
    (query) =>
      `## ${query.name}\n\nLogs of ${query.of === 'all' ? 'all functions' : 'the workers (`payments`, `billing`)'}.\n\n\`\`\`\n${textOf(query)}\n\`\`\`\n`,
  )
  .join('\n')}`;

if (!process.argv.includes('--check')) writeFileSync(target, generated);
else if (readFileSync(target, 'utf8') !== generated) {
  console.error(
    'docs/log-queries.md is not what lib/watch/saved-queries.ts says. Run `npm run generate` and commit the result.',
  );
  process.exit(1);
}
