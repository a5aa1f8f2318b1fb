import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { System } from '../apply/system.ts';

/** Supabase's stripe-sync-engine: what one would take otherwise. Its packages are its own, so that none of them gets into the product's. */
interface Reference {
  migrate(databaseUrl: string): Promise<unknown>;
  open(databaseUrl: string, connections: number): System;
}

/** Installs it first where it is absent, as bench/reference/package-lock.json says. */
export async function reference(): Promise<Reference> {
  const folder = import.meta.dirname;
  if (!existsSync(join(folder, 'node_modules'))) {
    console.error('Installing the reference (bench/reference) …');
    execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
  }
  const file: string = join(folder, 'sync-engine.js');
  return (await import(file)) as Reference;
}
