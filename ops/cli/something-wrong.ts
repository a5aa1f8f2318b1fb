import { Argument, type Command } from 'commander';
import { type Pausable, pausables } from '../deployment/queue-depths.ts';
import { printConsumers, printRollback } from '../pause/print.ts';
import { printLost, printRedrivePlan, printRedriveResult } from '../redrive/print.ts';
import { printStatus } from '../status/print.ts';
import { type AddAction, changing, wholeNumber } from './arguments.ts';
import { Refusal } from './refusal.ts';

/** The verbs of the bad hour. */
export function somethingWrong(program: Command, addAction: AddAction): void {
  program.commandsGroup('Something is wrong:');

  addAction<{ watch: boolean; every: number }>(
    program
      .command('status')
      .description('health with its reasons, rates, queues, last event, SLO')
      .option('--watch', 'look again and again, until Ctrl-C', false)
      .option('--every <seconds>', 'how often, with --watch', wholeNumber(5, 3600), 15),
    'status',
    async (runner, { watch, every }) => {
      const { status } = await import('../status/status.ts');
      const look = () => runner.look(() => status(runner.ops()), printStatus);
      if (!watch) return look();
      const reporter = runner.context.terminal.progress();
      try {
        for (;;) {
          const code = await look();
          if (code === 2 || (await reporter.wait(every * 1000))) return code;
          if (!runner.options.json) runner.context.terminal.out('');
        }
      } finally {
        reporter.done();
      }
    },
  );

  addAction(
    changing(program.command('pause'))
      .addArgument(whichWorkers())
      .description('stop workers; what arrives waits in their queues, nothing is lost'),
    'pause',
    async (runner, _options, workers) => {
      const { planPause } = await import('../pause/pause.ts');
      return runner.change(() => planPause(runner.ops(), chosen(workers)), {
        plan: printConsumers,
        result: printConsumers,
      });
    },
  );
  addAction(
    changing(program.command('resume'))
      .addArgument(whichWorkers())
      .description('let paused workers take up what waited'),
    'resume',
    async (runner, _options, workers) => {
      const { planResume } = await import('../pause/resume.ts');
      return runner.change(() => planResume(runner.ops(), chosen(workers)), {
        plan: printConsumers,
        result: printConsumers,
      });
    },
  );
  addAction<{ disableDestination: boolean }>(
    changing(program.command('rollback'))
      .description('the guided stop when a release went wrong: pauses the workers, keeps collecting, says the way back')
      .option('--disable-destination', 'make Stripe stop sending too; what it does not send is lost', false),
    'rollback',
    async (runner, { disableDestination }) => {
      const { planRollback } = await import('../rollback/rollback.ts');
      return runner.change(() => planRollback(runner.ops(), { disableDestination }), {
        plan: printRollback,
        result: printRollback,
      });
    },
  );
  redrive(program.command('redrive'), addAction);
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

function redrive(command: Command, addAction: AddAction): void {
  addAction<RedriveFlags>(
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
    async (runner, { queue, reason, type, id, limit, peek, discard, file }) => {
      const { lookAtLost, planRedrive } = await import('../redrive/redrive.ts');
      const ops = runner.ops();
      const filter = { queues: queue, ...(reason && { reason }), ...(type && { event_type: type }), ...(id && { id }) };
      if (peek !== undefined) {
        return runner.look(async () => {
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
  );
}

const whichWorkers = () => new Argument('[workers...]', 'which; all when none is named').choices([...pausables]);

const chosen = (workers: readonly string[]): readonly Pausable[] =>
  workers.length === 0 ? pausables : pausables.filter((worker) => workers.includes(worker));
