import type { Terminal } from '../cli/terminal.ts';
import type { Verb } from '../cli/verb.ts';
import { secretNames } from '../deployment/secret-values.ts';
import { printSecrets } from './print.ts';

export const secrets: Verb = {
  name: 'secrets',
  description: `the pipeline's secret, without showing it; --apply writes ${secretNames.join(', ')} from the environment variables of those names, or asks for them`,
  changes: true,
  async run(runner) {
    const { checkSecrets, planSecrets } = await import('./secrets.ts');
    const { options, context } = runner;
    const given = Object.fromEntries(
      secretNames.flatMap((name) => (context.variables[name] ? [[name, context.variables[name]]] : [])),
    );
    const none = Object.keys(given).length === 0;
    if (none && !options.apply) return runner.look(() => checkSecrets(runner.ops()), printSecrets);
    return runner.change(
      async () => {
        if (none && context.terminal.interactive && !options.json) Object.assign(given, await asked(context.terminal));
        return planSecrets(runner.ops(), given);
      },
      { plan: printSecrets, result: printSecrets },
    );
  },
};

async function asked(terminal: Terminal): Promise<Record<string, string>> {
  const given: Record<string, string> = {};
  for (const name of secretNames) {
    const value = (await terminal.askSecret(`${name} (empty: leave as it is)`)).trim();
    if (value) given[name] = value;
  }
  return given;
}
