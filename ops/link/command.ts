import { readFileSync } from 'node:fs';
import { Refusal } from '../cli/refusal.ts';
import type { Verb } from '../cli/verb.ts';
import { type Link, readLinks } from './links-file.ts';
import { printLinkPlan, printLinkResult } from './print.ts';

interface LinkOptions {
  user?: string;
  customer?: string;
  file?: string;
  replace: boolean;
}

export const link: Verb<LinkOptions> = {
  name: 'link',
  description:
    'says whose a Stripe customer is, in the customer\u2019s metadata at Stripe, so that it outlives restores and replays',
  changes: true,
  takes: (command) =>
    command
      .option('--user <id>', 'our user id')
      .option('--customer <id>', 'cus_…')
      .option('--file <csv>', 'many of them: a line each, user_id,customer_id')
      .option('--replace', 'also customers that are linked to another user', false),
  async run(runner, options) {
    const { planLink } = await import('./link.ts');
    return runner.change(async () => planLink(runner.ops(), linksOf(options), options.replace), {
      plan: printLinkPlan,
      result: printLinkResult,
    });
  },
};

function linksOf({ user, customer, file }: LinkOptions): Link[] {
  if (file !== undefined && user === undefined && customer === undefined) return readLinks(textOf(file));
  if (file === undefined && user !== undefined && customer !== undefined)
    return readLinks(`user_id,customer_id\n${user},${customer}`);
  throw new Refusal('one_source', 'link takes --user with --customer, or --file.', 'Give one of the two.');
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new Refusal('links_file', `${file} cannot be read.`, 'Give the path of a CSV file.', { cause });
  }
}
