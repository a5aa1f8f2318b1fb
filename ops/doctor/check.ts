import type { CommandLines } from '../cli/command-lines.ts';
import { toUserError } from '../cli/user-error.ts';

/** One line of the doctor's: what was looked at, what it saw, and for what is wrong, the way to repair it. */
export interface Check {
  /** Stable, for scripts: `stripe.key`, `aws.rules.enabled`. */
  id: string;
  verdict: 'ok' | 'wrong' | 'not checked';
  says: string;
  fix: string | null;
}

export const ok = (id: string, says: string): Check => ({ id, verdict: 'ok', says, fix: null });
export const wrong = (id: string, says: string, fix: string): Check => ({ id, verdict: 'wrong', says, fix });
export const notChecked = (id: string, says: string, fix: string): Check => ({ id, verdict: 'not checked', says, fix });

/** Looks at one part; a part that cannot be looked at (no rights, a service that is down) does not keep the others from it. */
export async function lookedAt(id: string, lines: CommandLines, look: () => Promise<Check[]>): Promise<Check[]> {
  try {
    return await look();
  } catch (error) {
    const refusal = toUserError(error, lines);
    const { name, message } = error as Error;
    return [
      notChecked(
        id,
        `Could not be looked at: ${refusal?.message ?? `${name}: ${message}`}`,
        refusal?.fix ?? 'Look at it by hand.',
      ),
    ];
  }
}

/** A few names, then how many more. */
export const some = (names: readonly string[], most = 5): string =>
  names.length <= most ? names.join(', ') : `${names.slice(0, most).join(', ')} and ${names.length - most} more`;
