import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What cdk.json gives every deployment of this checkout, so that nobody has to say it twice. */
function contextOf(name: 'appName' | 'databaseCaFile'): string | undefined {
  try {
    const { context = {} } = JSON.parse(readFileSync(join(import.meta.dirname, '../../cdk.json'), 'utf8')) as {
      context?: Record<string, unknown>;
    };
    const value = context[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  } catch {
    // Without cdk.json there is nothing to inherit.
    return undefined;
  }
}

export const defaultAppName = contextOf('appName') ?? 'huntaze';
export const defaultDatabaseCaFile = contextOf('databaseCaFile');
