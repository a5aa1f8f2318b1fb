import type { Check } from '../doctor/check.ts';
import type { Diagnosis } from '../doctor.ts';
import type { Paint } from './paint.ts';

const titles: Record<string, string> = {
  aws: 'AWS',
  secret: 'Database',
  database: 'Database',
  stripe: 'Stripe',
  path: 'The path between',
};

export function printDiagnosis({ checks }: Diagnosis, paint: Paint): string {
  const groups = Map.groupBy(checks, ({ id }) => titles[id.split('.')[0]!] ?? 'Other');
  const lines = [...groups].flatMap(([title, ofEnd]) => [
    paint.bold(title),
    ...ofEnd.flatMap((check) => lineOf(check, paint)),
    '',
  ]);
  const count = (verdict: Check['verdict']) => checks.filter((check) => check.verdict === verdict).length;
  const [wrongs, skipped] = [count('wrong'), count('not checked')];
  const word =
    wrongs === 0
      ? paint.good(`${count('ok')} checks passed.`)
      : paint.wrong(`${wrongs} of ${checks.length} checks found something wrong.`);
  return [...lines, skipped > 0 ? `${word} ${skipped} not checked.` : word].join('\n');
}

function lineOf({ verdict, says, fix }: Check, paint: Paint): string[] {
  const mark = { ok: paint.good('✓'), wrong: paint.wrong('✗'), 'not checked': paint.care('?') }[verdict];
  return [`  ${mark} ${says}`, ...(fix === null ? [] : [paint.dim(`      → ${fix}`)])];
}
