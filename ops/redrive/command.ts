import { wholeNumber } from '../cli/option-values.ts';
import { Refusal } from '../cli/refusal.ts';
import type { Verb } from '../cli/verb.ts';
import { printDeadLetter, printRedrivePlan, printRedriveResult } from './print.ts';

interface RedriveOptions {
  queue: string[];
  reason?: string;
  type?: string;
  id?: string;
  limit: number;
  peek?: string;
  discard: boolean;
  file?: string;
}

export const redrive: Verb<RedriveOptions> = {
  name: 'redrive',
  description: 'dead letters and why they are there, grouped by reason; sends them back to where they came from',
  changes: true,
  takes: (command) =>
    command
      .option(
        '--queue <name>',
        'only this queue, such as billing-failed (may be given several times)',
        (name: string, names: string[]) => [...names, name],
        [],
      )
      .option('--reason <code>', 'only what is there for this reason')
      .option('--type <event type>', 'only this event type')
      .option('--id <id>', 'only this event (or message) id')
      .option('--limit <number>', 'look at no more than so many messages of a queue', wholeNumber(1, 10_000), 1000)
      .option('--peek <id>', 'show one message whole, and change nothing')
      .option('--discard', 'save to a file and delete, instead of sending back', false)
      .option('--file <path>', 'where --discard saves; one JSON object a line'),
  async run(runner, { queue, reason, type, id, limit, peek, discard, file }) {
    const { lookAtDeadLetters, planRedrive } = await import('./redrive.ts');
    const ops = runner.ops();
    const filter = { queues: queue, ...(reason && { reason }), ...(type && { event_type: type }), ...(id && { id }) };
    if (peek !== undefined) {
      return runner.look(async () => {
        const { messages } = await lookAtDeadLetters(ops, { ...filter, id: peek }, limit);
        const message = messages[0];
        if (!message)
          throw new Refusal(
            'not_found',
            `No dead letter has the id ${peek}.`,
            `\`${ops.lines.verb('redrive')}\` names one of each group.`,
          );
        return { data: message, found: [] };
      }, printDeadLetter);
    }
    const discardTo = discard
      ? (file ?? `discarded-${ops.now().toISOString().slice(0, 19).replace(/[-:]/g, '')}.ndjson`)
      : undefined;
    return runner.change(
      async () => {
        if (file !== undefined && !discard)
          throw new Refusal(
            'file_without_discard',
            '--file says where --discard saves; without --discard it says nothing.',
            'Add --discard, or leave --file out.',
          );
        return planRedrive(ops, filter, { limit, ...(discardTo !== undefined && { discardTo }) });
      },
      { plan: printRedrivePlan, result: printRedriveResult },
    );
  },
};
