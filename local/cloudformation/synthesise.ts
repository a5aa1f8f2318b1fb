import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What `cdk synth` made: the template to build from, and where the code of its functions lies. */
export interface Synthesised {
  stackName: string;
  template: Template;
  /** The folder that an asset's S3 key stands for. */
  assetFolder(s3Key: string): string;
}

export interface Template {
  Resources: Record<string, TemplateResource>;
}

export interface TemplateResource {
  Type: string;
  Properties?: Record<string, unknown>;
}

const repository = join(import.meta.dirname, '../..');

/** The partner event source of the local run; shaped like Stripe's, and nobody's. */
export const LOCAL_EVENT_SOURCE = 'aws.partner/stripe.com/ed_local';

export interface SynthesisOptions {
  /** Settings besides those of `cdk.json`. */
  context?: Record<string, string>;
  /** Told how to cut it short. */
  onStart?(kill: () => void): void;
}

/**
 * Synthesises the app of `cdk.json` for `environment=dev`, in a process of its own, into `folder`.
 *
 * A process of its own, because an app is a script: importing it would run it with our arguments and keep its 200 MB.
 * @throws {Error} with what the app printed, when it fails.
 */
export async function synthesise(folder: string, options: SynthesisOptions = {}): Promise<Synthesised> {
  const cdk = JSON.parse(readFileSync(join(repository, 'cdk.json'), 'utf8')) as { app: string; context?: object };
  // No settings file: what somebody gave dev in AWS (a key, a VPC, an address for alarms) is nothing that can be played here.
  const context = {
    ...cdk.context,
    ...options.context,
    stripeEventSourceName: LOCAL_EVENT_SOURCE,
    environment: 'dev',
    // Nobody waits a minute at a terminal; the audit then takes batches as Lambda's mapping hands them over.
    auditDrainSeconds: '0',
    environmentsFolder: join(folder, 'no-settings-files'),
  };
  const child = spawn(cdk.app, {
    shell: true,
    cwd: repository,
    stdio: ['ignore', 'pipe', 'pipe'],
    // What CloudFormation would refuse is for `cdk synth` and the tests to say: it takes seconds, and nothing is deployed here.
    env: { ...process.env, CDK_VALIDATION: 'false', CDK_OUTDIR: folder, CDK_CONTEXT_JSON: JSON.stringify(context) },
    // A group of its own, so that a stop in the middle reaches what the shell started.
    detached: true,
  });
  options.onStart?.(() => {
    if (child.exitCode === null && child.pid) process.kill(-child.pid, 'SIGKILL');
  });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
    });
  }
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0)
    throw new Error(`The app could not be synthesised (\`${cdk.app}\` ended with ${code}):\n${printed.trim()}`);
  // The bundles are CommonJS; without this a `"type": "module"` above the temporary folder would change how they load.
  writeFileSync(join(folder, 'package.json'), '{"type":"commonjs"}\n');
  return readAssembly(folder);
}

/**
 * Reads the one stack of a cloud assembly.
 * @throws {Error} when there is none, or more than one.
 */
export function readAssembly(folder: string): Synthesised {
  const manifest = readJson<{ artifacts: Record<string, { type: string; properties: { templateFile: string } }> }>(
    folder,
    'manifest.json',
  );
  const stacks = Object.entries(manifest.artifacts).filter(([, { type }]) => type === 'aws:cloudformation:stack');
  if (stacks.length !== 1) {
    throw new Error(
      `The local run wants an app with one stack, this one has ${stacks.length}: ${stacks.map(([name]) => name).join(', ')}`,
    );
  }
  const [stackName, stack] = stacks[0]!;
  const { files } = readJson<{
    files: Record<string, { source: { path: string }; destinations: Record<string, { objectKey: string }> }>;
  }>(folder, `${stackName}.assets.json`);
  return {
    stackName,
    template: readJson<Template>(folder, stack.properties.templateFile),
    assetFolder(s3Key) {
      const file = Object.values(files).find(({ destinations }) =>
        Object.values(destinations).some(({ objectKey }) => objectKey === s3Key),
      );
      if (!file) throw new Error(`No asset "${s3Key}" in ${stackName}.assets.json`);
      return join(folder, file.source.path);
    },
  };
}

const readJson = <Content>(folder: string, file: string): Content =>
  JSON.parse(readFileSync(join(folder, file), 'utf8')) as Content;
