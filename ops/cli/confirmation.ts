import { Refusal } from './refusal.ts';
import type { Terminal } from './terminal.ts';
import type { Change } from './verb-report.ts';

/**
 * Has a person type what a change asks for; without such a wish, the environment's name in prod.
 *
 * @throws {Refusal} when nobody can be asked, or something else is typed; --yes answers for them.
 */
export async function confirm(
  { confirm }: Pick<Change<unknown, unknown>, 'confirm'>,
  terminal: Terminal,
  { env, yes, json }: { env: string; yes?: boolean; json: boolean },
): Promise<void> {
  const wanted = confirm ?? (env === 'prod' ? { question: 'This changes prod.', answer: 'prod' } : undefined);
  if (!wanted || yes) return;
  if (!terminal.interactive || json)
    throw new Refusal(
      'confirmation_needed',
      `${wanted.question} Nobody can be asked here.`,
      'Look at the plan, then add --yes.',
    );
  if ((await terminal.ask(`${wanted.question} Type "${wanted.answer}" to go on:`)).trim() !== wanted.answer)
    throw new Refusal(
      'not_confirmed',
      'Not confirmed; nothing was changed.',
      `Type "${wanted.answer}" when asked, or add --yes.`,
    );
}
