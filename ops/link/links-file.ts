import { Refusal } from '../cli/refusal.ts';

export interface Link {
  user_id: string;
  customer_id: string;
}

/**
 * Lines `user_id,customer_id`, with or without that heading; quotes around a field are taken off.
 * @throws {Refusal} naming every line that is not one, and customers that are named twice with different users.
 */
export function readLinks(text: string): Link[] {
  const problems: string[] = [];
  const links = new Map<string, Link>();
  const lines = text.split(/\r?\n/);
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '' || (index === 0 && /^"?user_id"?\s*,\s*"?customer_id"?\s*$/.test(line))) continue;
    const [user_id = '', customer_id = '', ...more] = line
      .split(',')
      .map((field) => field.trim().replace(/^"(.*)"$/, '$1'));
    const other = links.get(customer_id);
    if (more.length > 0 || user_id === '' || user_id.length > 500 || !/^cus_\w+$/.test(customer_id))
      problems.push(`line ${index + 1}: got "${line.slice(0, 80)}", wanted user_id,customer_id such as 4f1c…,cus_…`);
    else if (other && other.user_id !== user_id)
      problems.push(`line ${index + 1}: ${customer_id} is ${other.user_id}'s in a line before, and ${user_id}'s here`);
    else links.set(customer_id, { user_id, customer_id });
  }
  if (problems.length === 0 && links.size > 0) return [...links.values()];
  throw new Refusal(
    'links_file',
    problems.length === 0 ? 'There is no link in it.' : problems.slice(0, 10).join('\n'),
    'Correct the lines; nothing was changed.',
  );
}
