import type { Formatting } from '../cli/formatting.ts';
import type { Check } from './check.ts';
import type { Diagnosis } from './doctor.ts';

const titles: Record<string, string> = {
  aws: 'AWS',
  secret: 'Database',
  database: 'Database',
  stripe: 'Stripe',
  path: 'The path between',
};

export function printDiagnosis({ checks }: Diagnosis, format: Formatting): string {
  const groups = Map.groupBy(checks, ({ id }) => titles[id.split('.')[0]!] ?? 'Other');
  const lines = [...groups].flatMap(([title, ofEnd]) => [
    format.bold(title),
    ...ofEnd.flatMap((check) => lineOf(check, format)),
    '',
  ]);
  const count = (verdict: Check['verdict']) => checks.filter((check) => check.verdict === verdict).length;
  const [wrongs, skipped] = [count('wrong'), count('not checked')];
  const word =
    wrongs === 0
      ? format.good(`${count('ok')} checks passed.`)
      : format.wrong(`${wrongs} of ${checks.length} checks found something wrong.`);
  return [...lines, skipped > 0 ? `${word} ${skipped} not checked.` : word].join('\n');
}

function lineOf({ verdict, says, fix }: Check, format: Formatting): string[] {
  const mark = { ok: format.good('✓'), wrong: format.wrong('✗'), 'not checked': format.care('?') }[verdict];
  return [`  ${mark} ${says}`, ...(fix === null ? [] : [format.dim(`      → ${fix}`)])];
}
