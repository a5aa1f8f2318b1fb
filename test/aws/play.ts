import type { Ran } from '../deploy/deployment.ts';
import type { Sandbox } from './sandbox.ts';
import type { Transcript } from './transcript.ts';

/** What an act has at hand. */
export interface Stage {
  readonly sandbox: Sandbox;
  /** @throws when it ends with another code than those; everything it printed stands in the transcript. */
  ops(args: string, codes?: readonly number[]): Promise<Ran>;
  cdk(...args: string[]): Promise<Ran>;
  says(sentence: string): void;
  /** Tries until `look` answers true. @throws after the minutes */
  eventually(what: string, minutes: number, look: () => Promise<boolean>): Promise<void>;
  /** What only AWS can show: left out in the rehearsal, and named there. */
  onAws(what: string, work: () => Promise<void>): Promise<void>;
  /** Milestones that later acts need. */
  source: string;
  readonly startedAt: Date;
}

export interface Act {
  title: string;
  /** Played in any case, also after an act that failed. */
  last?: true;
  play(stage: Stage): Promise<void>;
}

/** Plays the acts in order; after one that failed only the last ones. @returns what failed, and what only AWS could have shown. */
export async function play(
  sandbox: Sandbox,
  acts: readonly Act[],
  transcript: Transcript,
): Promise<{ failed: string[]; unseen: string[] }> {
  const failed: string[] = [];
  const unseen: string[] = [];
  const stage = stageOf(sandbox, transcript, unseen);
  for (const { title, last, play } of acts) {
    if (failed.length > 0 && !last) continue;
    transcript.act(title);
    try {
      await play(stage);
    } catch (error) {
      failed.push(`${title}: ${(error as Error).message.split('\n')[0]}`);
      transcript.says(`**Failed:** ${(error as Error).message}`);
    }
  }
  return { failed, unseen };
}

function stageOf(sandbox: Sandbox, transcript: Transcript, unseen: string[]): Stage {
  const checked = (command: string, ran: Ran, codes: readonly number[]): Ran => {
    transcript.ran(command, ran);
    if (!codes.includes(ran.code))
      throw new Error(`\`${command}\` ended with ${ran.code}, wanted ${codes.join(' or ')}.`);
    return ran;
  };
  return {
    sandbox,
    ops: async (args, codes = [0]) => checked(`npm run ops -- ${args}`, await sandbox.ops(args), codes),
    cdk: async (...args) => checked(`npx cdk ${args.join(' ')}`, await sandbox.cdk(args), [0]),
    says: (sentence) => transcript.says(sentence),
    async eventually(what, minutes, look) {
      const giveUpAt = Date.now() + minutes * 60_000;
      while (!(await look())) {
        if (Date.now() > giveUpAt) throw new Error(`Waited ${minutes} minutes for ${what}.`);
        await new Promise((resolve) => setTimeout(resolve, sandbox.rehearsal ? 500 : 5000));
      }
      transcript.says(`Seen: ${what}.`);
    },
    async onAws(what, work) {
      if (!sandbox.rehearsal) return work();
      unseen.push(what);
      transcript.says(`Left out, since the emulator cannot show it: ${what}.`);
    },
    source: '',
    startedAt: new Date(),
  };
}
