import { Argument, type Command } from 'commander';
import { changing, type Perform, wholeNumber } from '../arguments.ts';
import { printIntakes, printRollback } from '../print/intakes.ts';
import { printLost, printRedrivePlan, printRedriveResult } from '../print/redrive.ts';
import { printStatus } from '../print/status.ts';
import { type Pausable, pausables } from '../queues.ts';
import { Refusal } from '../refusal.ts';

/** The verbs of the bad hour. */
export function somethingWrong(program: Command, perform: Perform): void {
  program.commandsGroup('Something is wrong:');

  perform<{ watch: boolean; every: number }>(
    program
      .command('status')
      .description('health with its reasons, rates, queues, last event, SLO')
      .option('--watch', 'look again and again, until Ctrl-C', false)
      .option('--every <seconds>', 'how often, with --watch', wholeNumber(5, 3600), 15),
    'status',
    async (performance, { watch, every }) => {
      const { status } = await import('../status.ts');
      const look = () => performance.look(() => status(performance.ops()), printStatus);
      if (!watch) return look();
      const patience = performance.world.terminal.patience();
      try {
        for (;;) {
          const code = await look();
          if (code === 2 || (await patience.wait(every * 1000))) return code;
          if (!performance.options.json) performance.world.terminal.out('');
        }
      } finally {
        patience.done();
      }
    },
  );

  perform(
    changing(program.command('pause'))
      .addArgument(whichWorkers())
      .description('stop workers; what arrives waits in their queues, nothing is lost'),
    'pause',
    async (performance, _options, workers) => {
      const { planPause } = await import('../pause.ts');
      return performance.change(() => planPause(performance.ops(), chosen(workers)), {
        plan: printIntakes,
        result: printIntakes,
      });
    },
  );
  perform(
    changing(program.command('resume'))
      .addArgument(whichWorkers())
      .description('let paused workers take up what waited'),
    'resume',
    async (performance, _options, workers) => {
      const { planResume } = await import('../resume.ts');
      return performance.change(() => planResume(performance.ops(), chosen(workers)), {
        plan: printIntakes,
        result: printIntakes,
      });
    },
  );
  perform<{ disableDestination: boolean }>(
    changing(program.command('rollback'))
      .description('the guided stop when a release went wrong: pauses the workers, keeps collecting, says the way back')
      .option('--disable-destination', 'make Stripe stop sending too; what it does not send is lost', false),
    'rollback',
    async (performance, { disableDestination }) => {
      const { planRollback } = await import('../rollback.ts');
      return performance.change(() => planRollback(performance.ops(), { disableDestination }), {
        plan: printRollback,
        result: printRollback,
      });
    },
  );
  redrive(program.command('redrive'), perform);
}

interface RedriveFlags {
  queue: string[];
  reason?: string;
  type?: string;
  id?: string;
  limit: number;
  peek?: string;
  discard: boolean;
  file?: string;
}

function redrive(command: Command, perform: Perform): void {
  perform<RedriveFlags>(
    changing(command)
      .description('what is lost and why, grouped by reason; sends it back to where it came from')
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
    'redrive',
    async (performance, { queue, reason, type, id, limit, peek, discard, file }) => {
      const { lookAtLost, planRedrive } = await import('../redrive.ts');
      const ops = performance.ops();
      const filter = { queues: queue, ...(reason && { reason }), ...(type && { event_type: type }), ...(id && { id }) };
      if (peek !== undefined) {
        return performance.look(async () => {
          const { messages } = await lookAtLost(ops, { ...filter, id: peek }, limit);
          const message = messages[0];
          if (!message)
            throw new Refusal(
              'not_found',
              `No lost message has the id ${peek}.`,
              '`npm run ops -- redrive` names one of each group.',
            );
          return { data: message, found: [] };
        }, printLost);
      }
      const discardTo = discard
        ? (file ?? `discarded-${ops.now().toISOString().slice(0, 19).replace(/[-:]/g, '')}.ndjson`)
        : undefined;
      return performance.change(
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
  );
}

const whichWorkers = () => new Argument('[workers...]', 'which; all when none is named').choices([...pausables]);

const chosen = (workers: readonly string[]): readonly Pausable[] =>
  workers.length === 0 ? pausables : pausables.filter((worker) => workers.includes(worker));
