import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { commandLines } from '../cli/command-lines.ts';
import { Refusal } from '../cli/refusal.ts';

/** What the deployed stack was given; the version depends on the last only, but a stack cannot be synthesised without the others. */
export interface SynthSettings {
  stripeEventSourceName?: string;
  secondEventSourceName?: string;
  retiredEventSourceName?: string;
  environment: string;
  appName: string;
  environmentsFolder: string;
  databaseCaFile?: string;
}

/** What a stack deployed from here would say of itself: its outputs `CodeVersion` and `Settings`. */
export interface LocalDeployment {
  codeVersion: string;
  settings: Record<string, unknown>;
}

/**
 * What lies here, as a stack deployed from it would say.
 *
 * Synthesised in a process of its own: the CDK takes a second to load, talks on stderr, and may end the process.
 * @throws {Refusal} when what lies here cannot be synthesised.
 */
export async function localDeployment(settings: SynthSettings): Promise<LocalDeployment> {
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, 'print-local-deployment.ts'), JSON.stringify(settings)],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const [out, err]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code === 0) return JSON.parse(Buffer.concat(out).toString()) as LocalDeployment;
  const said = Buffer.concat(err).toString().trim();
  throw new Refusal(
    'not_synthesisable',
    `What lies here cannot be synthesised: ${said.split('\n').slice(-20).join('\n')}`,
    `Repair it until \`${commandLines({ environment: settings.environment }).cdk('synth')}\` passes.`,
  );
}
