import { readFileSync } from 'node:fs';
import { printable, printableData } from '../../core/shown.ts';
import { type Environment, environments } from '../../lib/names.ts';
import { connectAws } from '../deployment/aws.ts';
import { type CommandLines, commandLines } from './command-lines.ts';
import { confirm } from './confirmation.ts';
import { type Formatting, format } from './formatting.ts';
import { createOps, type Ops } from './ops.ts';
import { Refusal } from './refusal.ts';
import { environmentsFolder, fromSettingsFile } from './settings-file.ts';
import type { Terminal } from './terminal.ts';
import { toUserError } from './user-error.ts';
import type { Change, Report } from './verb-report.ts';

/** 0 done, 1 found something wrong, 2 wrong usage (or nothing could be looked at). */
export type ExitCode = 0 | 1 | 2;

/** Options that every verb has. */
export interface CommonOptions {
  env: string;
  region?: string;
  app?: string;
  json: boolean;
  databaseCa?: string;
  apply?: boolean;
  yes?: boolean;
}

/** What surrounds a run: terminal, variables, clients, clock. A test brings its own. */
export interface CommandContext {
  terminal: Terminal;
  variables: Record<string, string | undefined>;
  /** @default config/environments */
  environmentsFolder?: string;
  /** @default config */
  plansFolder?: string;
  /** @default clients of the region, as any AWS tool makes them */
  aws?: (region: string | undefined) => ReturnType<typeof connectAws>;
  now?: () => Date;
  sleep?: (ms: number) => Promise<void>;
}

/** One verb as asked for: runs it, prints what it found and answers the exit code. */
export class CommandRunner {
  readonly context: CommandContext;
  readonly verb: string;
  readonly options: CommonOptions;
  readonly format: Formatting;
  /** With the environment of this run, and region and app where they were named. */
  readonly lines: CommandLines;
  /** As given, else as the environment's settings file says. */
  readonly appName: string;
  readonly databaseCaFile: string | undefined;

  constructor(context: CommandContext, verb: string, options: CommonOptions) {
    this.context = context;
    this.verb = verb;
    this.options = options;
    const folder = context.environmentsFolder ?? environmentsFolder;
    this.format = format(context.terminal.colour && !options.json);
    this.lines = commandLines({
      environment: options.env,
      region: options.region,
      app: options.app === fromSettingsFile(options.env, undefined, folder).appName ? undefined : options.app,
    });
    const inFile = fromSettingsFile(options.env, options.app, folder);
    this.appName = inFile.appName;
    this.databaseCaFile = options.databaseCa ?? inFile.databaseCaFile;
  }

  ops(): Ops {
    const { options, context } = this;
    return createOps({
      environment: environmentOf(options.env),
      appName: this.appName,
      environmentsFolder: context.environmentsFolder ?? environmentsFolder,
      ...(context.plansFolder !== undefined && { plansFolder: context.plansFolder }),
      aws: (context.aws ?? connectAws)(options.region),
      variables: context.variables,
      lines: this.lines,
      databaseCa: this.databaseCaFile === undefined ? null : readCa(this.databaseCaFile),
      say: (line) => context.terminal.err(this.format.dim(line)),
      ...(context.terminal.interactive && !options.json && { askSecret: context.terminal.askSecret }),
      ...(context.now && { now: context.now }),
      ...(context.sleep && { sleep: context.sleep }),
    });
  }

  /** A verb that only looks. */
  async look<Data>(
    work: () => Promise<Report<Data>>,
    print: (data: Data, format: Formatting) => string,
  ): Promise<ExitCode> {
    return this.guarded(async () => {
      const { data, found } = await work();
      if (this.options.json) this.json({ data, found });
      else this.context.terminal.out(print(printableData(data), this.format));
      return found.length > 0 ? 1 : 0;
    });
  }

  /** A verb that changes something: shows its plan, and with --apply (and, in prod or where the plan asks for it, a typed word) does it. */
  async change<Plan, Result>(
    plan: () => Promise<Change<Plan, Result>>,
    print: { plan: (plan: Plan, format: Formatting) => string; result: (result: Result, format: Formatting) => string },
  ): Promise<ExitCode> {
    return this.guarded(async () => {
      const { terminal } = this.context;
      const { json, apply } = this.options;
      const change = await plan();
      const found = change.found ?? [];
      if (!json) terminal.out(this.planned(change, print.plan));
      if (!apply || change.steps.length === 0) {
        if (json)
          this.json({
            plan: change.plan,
            steps: change.steps,
            warnings: change.warnings,
            applied: false,
            result: null,
            found,
          });
        else
          terminal.out(
            change.steps.length === 0
              ? this.format.dim('Nothing to do.')
              : this.format.bold('Nothing was changed. Add --apply to do it.'),
          );
        return found.length > 0 ? 1 : 0;
      }
      await confirm(change, terminal, this.options);
      const report = await change.act();
      if (json)
        this.json({
          plan: change.plan,
          steps: change.steps,
          warnings: change.warnings,
          applied: true,
          result: report.data,
          found: report.found,
        });
      else
        terminal.out(
          [
            print.result(printableData(report.data), this.format),
            ...report.found.map((line) => this.format.wrong(printable(line))),
          ]
            .filter(Boolean)
            .join('\n'),
        );
      return report.found.length > 0 ? 1 : 0;
    });
  }

  private planned<Plan, Result>(
    { plan, steps, warnings }: Change<Plan, Result>,
    print: (plan: Plan, format: Formatting) => string,
  ): string {
    return [
      print(printableData(plan), this.format),
      ...(steps.length > 0
        ? ['', this.format.bold('Plan'), ...steps.map((step, index) => `  ${index + 1}. ${printable(step)}`)]
        : []),
      ...(steps.length > 0 && warnings.length > 0
        ? ['', this.format.bold('Before you continue'), ...warnings.map((line) => `  - ${printable(line)}`)]
        : []),
      '',
    ].join('\n');
  }

  private async guarded(work: () => Promise<ExitCode>): Promise<ExitCode> {
    try {
      return await work();
    } catch (error) {
      const refusal = toUserError(error, this.lines);
      const { terminal } = this.context;
      if (this.options.json) {
        const { code, message, fix } = refusal ?? { code: 'unexpected', message: (error as Error).message, fix: '' };
        this.json({ error: { code, message, fix } });
      } else if (refusal) terminal.err(`${this.format.wrong(refusal.message)}\n${refusal.fix}`);
      if (!refusal) terminal.err((error as Error).stack ?? String(error));
      return 2;
    }
  }

  private json(content: object): void {
    this.context.terminal.out(JSON.stringify({ verb: this.verb, environment: this.options.env, ...content }));
  }
}

function environmentOf(name: string): Environment {
  const known = environments.find((environment) => environment === name);
  if (known) return known;
  throw new Refusal(
    'unknown_environment',
    `There is no environment "${name}".`,
    `Use --env ${environments.join(', --env ')}.`,
  );
}

function readCa(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new Refusal(
      'database_ca',
      `The certificate ${file} cannot be read.`,
      'Give the path of a PEM file; Supabase offers it under Database settings.',
      { cause },
    );
  }
}
