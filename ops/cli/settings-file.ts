import { isAbsolute, join } from 'node:path';
import { configFolder } from '../../lib/config-files.ts';
import { defaultAppName, environmentFile } from '../../lib/environment-file.ts';
import { type Environment, environments } from '../../lib/names.ts';

export const environmentsFolder = join(configFolder, 'environments');

/** What a verb takes from the settings file of its environment, so that nobody has to say it twice. */
export interface FromSettingsFile {
  appName: string;
  databaseCaFile?: string;
}

/** Reads no more than it needs, and tolerates the rest: on-call must be able to work with a file that would not deploy. */
export function fromSettingsFile(environment: string, app: string | undefined, folder: string): FromSettingsFile {
  const known = environments.find((name) => name === environment) satisfies Environment | undefined;
  const { appName, databaseCaFile } = known ? environmentFile(known, app, folder, []).values : {};
  return {
    appName: app ?? (typeof appName === 'string' && appName !== '' ? appName : defaultAppName),
    ...(typeof databaseCaFile === 'string' &&
      databaseCaFile !== '' && {
        databaseCaFile: isAbsolute(databaseCaFile) ? databaseCaFile : join(configFolder, '..', databaseCaFile),
      }),
  };
}
