import { ops } from '../../ops/cli/command-line.ts';
import { processTerminal } from '../../ops/cli/terminal.ts';

/** bin/ops.ts with the settings files that the deployment of `npm run test:deploy` is made from, instead of the repository's. */
process.exitCode = await ops(process.argv.slice(2), {
  terminal: processTerminal(),
  variables: process.env,
  environmentsFolder: process.env.SETTINGS_FOLDER!,
});
