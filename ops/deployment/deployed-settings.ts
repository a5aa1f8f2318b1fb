import type { StackOutputs } from '../../lib/outputs.ts';
import type { KeptSettings } from '../../lib/settings.ts';

/** The settings that the stack was deployed with; null when that was before they were kept. */
export const deployedSettings = ({ Settings }: StackOutputs): KeptSettings | null =>
  Settings === undefined ? null : (JSON.parse(Settings) as KeptSettings);
