import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, dirname, join } from 'node:path';

/** What the test was made with; a newer one may do more, and then test/deploy/emulator-limits.ts may do less. */
export const ministackVersion = '1.5.33';

/** Any of the last years does: the runbooks use nothing new. */
const awsCliVersion = '1.45.64';

/** Any will do: nothing leaves this machine. */
export const account = '123456789012';
export const region = 'eu-central-1';

const root = join(import.meta.dirname, '../..');
const localFolder = join(root, '.local');

/** The whole of AWS on loopback, as far as MiniStack goes. */
export interface Emulator {
  readonly url: string;
  /** What an AWS tool needs in its environment to talk to it, and to nothing else. */
  readonly variables: Record<string, string>;
  readonly logFile: string;
  stop(): Promise<void>;
}

/**
 * Starts MiniStack from a virtual environment under `.local/`, which the first run makes.
 *
 * `variables` are what the functions find in their environment besides what the template gives them: MiniStack starts them as its children.
 * @throws {Error} with a sentence that says what is missing: Python, PyPI, or a reason in MiniStack's own log.
 */
export async function startEmulator(variables: Record<string, string> = {}): Promise<Emulator> {
  const python = installed('ministack', ministackVersion);
  const port = await freePort();
  // `localhost`, because MiniStack puts that name into queue URLs, and the SQS client wants one name for both.
  const url = `http://localhost:${port}`;
  // An address and not a name, or S3 clients would look for a host of the bucket's name.
  const s3Url = `http://127.0.0.1:${port}`;
  const logFile = join(localFolder, 'ministack.log');
  const log = createWriteStream(logFile);
  const child = spawn(python, [join(import.meta.dirname, 'start_ministack.py')], {
    env: {
      ...process.env,
      ...variables,
      // Node 24 for the functions, whatever the machine has.
      PATH: [join(root, 'node_modules/.bin'), process.env.PATH].join(delimiter),
      NODE_OPTIONS: '--disable-warning=DEP0169',
      GATEWAY_PORT: String(port),
      BIND_HOST: '127.0.0.1',
      IOT_MTLS_ENABLED: '0',
      SFTP_ENABLED: '0',
      AWS_ENDPOINT_URL: url,
      AWS_ENDPOINT_URL_S3: s3Url,
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      MINISTACK_ACCOUNT_ID: account,
      MINISTACK_REGION: region,
      AWS_DEFAULT_REGION: region,
      LAMBDA_EXECUTOR: 'local',
      PYTHONDONTWRITEBYTECODE: '1',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.pipe(log);
  child.stderr.pipe(log);
  await answering(url, child, logFile);
  return {
    url,
    logFile,
    variables: {
      AWS_ENDPOINT_URL: url,
      AWS_ENDPOINT_URL_S3: s3Url,
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      AWS_REGION: region,
      AWS_DEFAULT_REGION: region,
      CDK_DISABLE_LEGACY_EXPORT_WARNING: '1',
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      // Its function processes may hold it up; nothing of it is needed any more.
      const killer = setTimeout(() => child.kill('SIGKILL'), 5000);
      await exited;
      clearTimeout(killer);
    },
  };
}

/** The AWS CLI that the runbooks' command lines run with: the folder of `aws`. Apart from MiniStack, which wants another botocore. */
export const awsCliFolder = (): string => dirname(installed('awscli', awsCliVersion));

/** The Python of a virtual environment under `.local/` with one package in it, which the first run makes. */
function installed(name: string, version: string): string {
  const folder = join(localFolder, `${name}-${version}`);
  const python = join(folder, 'bin', 'python');
  const done = join(folder, 'installed');
  if (existsSync(done)) return python;
  const system = systemPython();
  mkdirSync(localFolder, { recursive: true });
  rmSync(folder, { recursive: true, force: true });
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', `${name}==${version}`];
  const constraints = join(import.meta.dirname, 'constraints', `${name}.txt`);
  try {
    execFileSync(system, ['-m', 'venv', folder], { stdio: 'pipe' });
    execFileSync(python, [...pip, '--constraint', constraints], { stdio: 'pipe' });
  } catch (cause) {
    throw new Error(
      `${name} ${version} could not be installed from PyPI into ${folder}: ${lastLines((cause as { stderr?: Buffer }).stderr)}`,
      { cause },
    );
  }
  writeFileSync(done, version);
  return python;
}

function systemPython(): string {
  const tried: string[] = [];
  for (const name of ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.10', 'python']) {
    try {
      const version = execFileSync(name, ['-c', 'import sys, venv, ensurepip; print("%d.%d" % sys.version_info[:2])'], {
        stdio: 'pipe',
      })
        .toString()
        .trim();
      const [major = 0, minor = 0] = version.split('.').map(Number);
      if (major === 3 && minor >= 10) return name;
      tried.push(`${name} is ${version}`);
    } catch {
      // Not there, or without venv: the sentence below says what is wanted.
    }
  }
  throw new Error(
    `\`npm run test:deploy\` needs Python 3.10 or later with venv (Debian: apt-get install python3-venv), for the AWS emulator MiniStack.${tried.length > 0 ? ` Found: ${tried.join(', ')}.` : ''}`,
  );
}

async function answering(url: string, child: ChildProcess, logFile: string): Promise<void> {
  const giveUpAt = Date.now() + 60_000;
  while (Date.now() < giveUpAt) {
    if (child.exitCode !== null) throw new Error(`MiniStack ended with code ${child.exitCode}; its log is ${logFile}`);
    try {
      const { ok } = await fetch(`${url}/_ministack/health`);
      if (ok) return;
    } catch {
      // Not up yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  child.kill('SIGKILL');
  throw new Error(`MiniStack did not answer within a minute; its log is ${logFile}`);
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, 'close');
  return port;
}

const lastLines = (text: Buffer | undefined): string => (text ?? '').toString().trim().split('\n').slice(-3).join(' ');
