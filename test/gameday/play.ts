import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from './faults.ts';
import type { Game, Typed } from './game.ts';

/** How one fault was told, named, repaired and confirmed. */
export interface Round {
  fault: string;
  /** When it began, ISO 8601. */
  at: string;
  /** What status said, and after how many seconds. */
  told: { word: string; reason: string; after_s: number };
  cause: string;
  page: string;
  /** What the player typed, in order. */
  typed: Typed[];
  recovered_s: number;
  customers: number;
  took_s: number;
}

/** Five minutes is what is promised; the emulator needs no more than the customers' next events. */
const TOLD_WITHIN_S = 300;

/**
 * One blind round, played by the tool: break, wait until it is told, ask `diagnose`, do what it and its page say, confirm with `watch`,
 * compare every customer with our own account of what they did.
 *
 * @throws {Error} naming the first of these that failed.
 */
export async function play(game: Game, fault: Fault): Promise<Round> {
  const startedAt = Date.now();
  const since = new Date();
  const typed: Typed[] = [];
  const type = async (command: string): Promise<Typed> => {
    const ran = await game.types(command);
    typed.push(ran);
    return ran;
  };
  await fault.inject(game);
  await (fault.meanwhile?.(game) ?? game.customersGoOn());
  const told = await untilTold(game, startedAt, fault.statusSays);
  await type('npm run ops -- status --env dev');

  const asked = await game.types('npm run ops -- diagnose --json --env dev');
  const diagnosed = JSON.parse(asked.output.split('\n').at(-1)!).data.cause as {
    cause: string;
    page: string;
    command: string;
  };
  await type('npm run ops -- diagnose --env dev');
  assert.equal(diagnosed?.cause, fault.cause, `diagnose said ${JSON.stringify(diagnosed)}\n${typed.at(-1)!.output}`);

  for (const command of fault.instead?.(game) ?? [diagnosed.command]) {
    if (command.startsWith('#')) {
      await game.deployment.postgres.start();
      typed.push({ command, code: 0, output: '' });
      continue;
    }
    const { code, output } = await type(command);
    assert.equal(code, 0, `${command} ended with ${code}:\n${output}`);
  }
  for (const command of fault.afterwards?.(game, since) ?? []) {
    const { code, output } = await type(command);
    assert.ok(code <= 1, `${command} ended with ${code}:\n${output}`);
  }
  const watched = await confirm(type);
  const customers = await game.everyoneIsRight(180);
  return {
    fault: fault.id,
    at: since.toISOString(),
    told,
    cause: diagnosed.cause,
    page: diagnosed.page,
    typed,
    recovered_s: watched,
    customers,
    took_s: Math.round((Date.now() - startedAt) / 1000),
  };
}

/** `watch`, and what it names as still to be done: what was given up meanwhile is sent back. */
async function confirm(type: (command: string) => Promise<Typed>): Promise<number> {
  const startedAt = Date.now();
  for (let tries = 0; ; tries++) {
    const { code, output } = await type('npm run ops -- watch --minutes 5 --every 5 --env dev');
    if (code === 0) return Math.round((Date.now() - startedAt) / 1000);
    const queue = /\d+ in ([a-z]+-(?:failed|undelivered))/.exec(output)?.[1];
    assert.ok(queue !== undefined && tries < 2, `watch ended with ${code}:\n${output}`);
    await type(`npm run ops -- redrive --queue ${queue} --apply --env dev`);
  }
}

async function untilTold(game: Game, startedAt: number, says: RegExp): Promise<Round['told']> {
  for (;;) {
    const { output } = await game.types('npm run ops -- status --json --env dev');
    const after_s = Math.round((Date.now() - startedAt) / 1000);
    const { health, reasons } = JSON.parse(output.split('\n').at(-1)!).data as { health: string; reasons: string[] };
    const reason = reasons.find((one) => says.test(one));
    if (reason !== undefined) return { word: health, reason, after_s };
    assert.ok(after_s <= TOLD_WITHIN_S, `status told nothing of it within ${TOLD_WITHIN_S} s, but ${output}`);
    await sleep(3000);
  }
}
