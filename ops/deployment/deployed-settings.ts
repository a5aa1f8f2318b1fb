import type { StackOutputs } from '../../lib/outputs.ts';
import { type KeptSettings, keptSettings, readSettings, SettingsError } from '../../lib/settings.ts';
import type { Ops } from '../cli/ops.ts';
import { Refusal } from '../cli/refusal.ts';

/** The settings that the stack was deployed with; null when that was before they were kept. */
export const deployedSettings = ({ Settings }: StackOutputs): KeptSettings | null =>
  Settings === undefined ? null : (JSON.parse(Settings) as KeptSettings);

/**
 * The settings that a deployment of this checkout would have, from the file of this environment (and app).
 * @throws {Refusal} with everything that is wrong with them, or that no file names the event source.
 */
export function settingsHere({
  environment,
  appName,
  environmentsFolder,
}: Pick<Ops, 'environment' | 'appName' | 'environmentsFolder'>): KeptSettings {
  try {
    return keptSettings(readSettings({ environment, appName }, { environments: environmentsFolder }));
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    throw new Refusal(
      'settings',
      error.problems.join('\n'),
      'Correct the settings file; `npx cdk synth` checks it too.',
      {
        cause: error,
      },
    );
  }
}
