import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readYaml } from './config-files.ts';
import type { Environment } from './names.ts';

/** The committed settings of one deployment. */
export interface EnvironmentFile {
  /** As people name it: `config/environments/prod.yaml`. */
  readonly name: string;
  readonly present: boolean;
  readonly values: Readonly<Record<string, unknown>>;
}

export const defaultAppName = 'huntaze';

/**
 * The file of an environment, `<environment>.yaml`; or, for another app in the same environment, `<environment>.<app>.yaml`.
 *
 * Each deployment has its own, so that no setting of one can reach another. What is wrong with a file goes to `problems`.
 */
export function environmentFile(
  environment: Environment,
  app: string | undefined,
  folder: string,
  problems: string[],
): EnvironmentFile {
  const usual = read(`${environment}.yaml`, folder, problems);
  if (app === undefined || app === (usual.values.appName ?? defaultAppName)) return usual;
  const own = read(`${environment}.${app}.yaml`, folder, problems);
  if (own.present && own.values.appName !== app)
    problems.push(
      `${own.name}: appName is ${JSON.stringify(own.values.appName ?? null)}: write "appName: ${app}", as the file is called.`,
    );
  return own;
}

function read(file: string, folder: string, problems: string[]): EnvironmentFile {
  const name = `config/environments/${file}`;
  if (!existsSync(join(folder, file))) return { name, present: false, values: {} };
  const document = readYaml(folder, file, name, problems);
  // An empty file, or one of comments only, is a document without contents: everything has its default.
  const values = document?.contents ?? {};
  if (typeof values === 'object' && !Array.isArray(values))
    return { name, present: true, values: values as Record<string, unknown> };
  problems.push(`${name} holds ${JSON.stringify(values)}: write one "setting: value" a line.`);
  return { name, present: true, values: {} };
}
