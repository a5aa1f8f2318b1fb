import { InvalidArgumentError } from 'commander';
import type { CommandContext } from '../cli/command-runner.ts';
import { Refusal } from '../cli/refusal.ts';
import type { Verb } from '../cli/verb.ts';
import { type SecretName, type SecretValues, secretNames } from '../deployment/secret-values.ts';
import { printSecrets } from './print.ts';

/** Names that no other tool of the same shell uses: a stray API_KEY must not become the pipeline's. */
const variableOf = (name: SecretName): string => `PIPELINE_${name}`;

export const secrets: Verb<{ only?: SecretName[]; force: boolean }> = {
  name: 'secrets',
  description:
    "the pipeline's secret, without showing it; --apply asks for each value, tries it, and writes those that work",
  changes: true,
  takes: (command) =>
    command
      .option(
        '--only <names>',
        `only these of ${secretNames.join(',')}; from the variables of these names, if they are set`,
        namesFrom,
      )
      .option('--force', 'store a value although it does not work from here', false)
      .addHelpText('after', `\nWithout questions: ${secretNames.map(variableOf).join(', ')} in the environment.`),
  async run(runner, { only, force }) {
    const { checkSecrets, planSecrets } = await import('./secrets.ts');
    const { options, context } = runner;
    const given = fromVariables(context, only);
    if (Object.keys(given).length === 0 && !options.apply)
      return runner.look(() => checkSecrets(runner.ops()), printSecrets);
    return runner.change(
      async () => {
        const missing = (only ?? secretNames).filter((name) => !given[name]);
        // Who named the values wants all of them; who set variables set what shall change.
        const unasked = only ? missing : missing.length === secretNames.length ? missing : [];
        if (context.terminal.interactive && !options.json) Object.assign(given, await asked(context, unasked));
        if (Object.keys(given).length === 0)
          throw new Refusal(
            'no_values',
            'There is nothing to set.',
            `Answer the questions on a terminal, or set one or more of ${(only ?? secretNames).map(variableOf).join(', ')}.`,
          );
        return planSecrets(runner.ops(), given, { force });
      },
      { plan: printSecrets, result: printSecrets },
    );
  },
};

function fromVariables({ variables }: CommandContext, only: SecretName[] | undefined): Partial<SecretValues> {
  return Object.fromEntries(
    (only ?? secretNames).flatMap((name) => {
      const value = variables[variableOf(name)] || (only ? variables[name] : undefined);
      return value ? [[name, value]] : [];
    }),
  );
}

async function asked({ terminal }: CommandContext, names: readonly SecretName[]): Promise<Partial<SecretValues>> {
  const given: Partial<SecretValues> = {};
  for (const name of names) {
    const value = (await terminal.askSecret(`${name} (empty: leave as it is)`)).trim();
    if (value) given[name] = value;
  }
  return given;
}

function namesFrom(text: string): SecretName[] {
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.filter((name) => !(secretNames as readonly string[]).includes(name));
  if (unknown.length > 0)
    throw new InvalidArgumentError(`"${unknown.join(', ')}": wanted one or more of ${secretNames.join(',')}.`);
  return secretNames.filter((name) => names.includes(name));
}
