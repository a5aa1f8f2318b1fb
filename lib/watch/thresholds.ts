import { type Environment, environments } from '../names.ts';

/** One number that an alarm compares with: what it is in each environment, and why just that. */
export interface Threshold extends Readonly<Record<Environment, number>> {
  readonly unit:
    | 'hours'
    | 'minutes'
    | 'events'
    | 'messages'
    | 'attempts'
    | 'payments'
    | '%'
    | 'rows'
    | 'customers'
    | 'times';
  readonly why: string;
  /** The greatest value that still makes sense, or that CloudWatch takes. The smallest is 1. */
  readonly most: number;
}

const everywhere = (value: number) => ({ dev: value, staging: value, prod: value });

/** An alarm looks back for a day at most. @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html */
const dayInHours = 24;
const dayInMinutes = 1440;

/**
 * Every number that the alarms compare with, by environment. `thresholds:` of an environment's settings file changes one by its name here.
 *
 * What is the same everywhere is so on purpose: an alarm that only prod can raise was never seen to work.
 */
export const thresholdTable = {
  silenceHours: {
    unit: 'hours',
    ...{ dev: 24, staging: 24, prod: 3 },
    most: dayInHours,
    why: 'Stripe retries for three days, so hours are in time. It rings only together with events that Stripe has and we lack: a shop that sleeps wakes nobody. Test traffic comes when somebody tests: a day.',
  },
  nothingSettledMinutes: {
    unit: 'minutes',
    ...everywhere(5),
    most: dayInMinutes,
    why: '150 times what we promise, and longer than any deployment or cold start.',
  },
  nothingSettledMessages: {
    unit: 'messages',
    ...everywhere(2),
    most: 1000,
    why: 'One event alone may be its own fault, and deferred-long tells of it. Two that wait while none is settled are ours.',
  },
  ruleSilentEvents: {
    unit: 'events',
    ...everywhere(2),
    most: 1000,
    why: 'Two rules with one pattern deliver the same events; one may fall into the other hour at the edge of the window, two do not while the other rule has none at all.',
  },
  backlogMinutes: {
    unit: 'minutes',
    ...everywhere(5),
    most: dayInMinutes,
    why: 'Customers feel minutes. Looked at twice, 5 minutes apart, so that a burst that is draining already rings nothing.',
  },
  auditBacklogMinutes: {
    unit: 'minutes',
    ...everywhere(60),
    most: dayInMinutes,
    why: 'The audit trail is read days later.',
  },
  deferredMinutes: {
    unit: 'minutes',
    ...everywhere(30),
    most: dayInMinutes,
    why: 'Retries come at most 15 minutes apart: what still fails after twice that is no hiccup.',
  },
  processingFewestAttempts: {
    unit: 'attempts',
    ...everywhere(10),
    most: 1000,
    why: 'Fewer say nothing about a rate. An event that fails on its own makes nine in its first 15 minutes, so one alone cannot reach it.',
  },
  processingDegradedPercent: { unit: '%', ...everywhere(5), most: 100, why: 'Above it something is wrong.' },
  processingCriticalPercent: { unit: '%', ...everywhere(15), most: 100, why: 'Above it something is wrong for many.' },
  paymentsFewest: {
    unit: 'payments',
    ...everywhere(20),
    most: 10_000,
    why: 'One failure of two is bad luck, and cards are declined every day.',
  },
  paymentsDegradedPercent: {
    unit: '%',
    ...everywhere(10),
    most: 100,
    why: 'Declined cards are usually a few percent.',
  },
  paymentsCriticalPercent: { unit: '%', ...everywhere(25), most: 100, why: 'One in four customers cannot pay.' },
  sloFewestBroken: {
    unit: 'events',
    ...everywhere(5),
    most: 1000,
    why: 'Fewer broken promises are no incident, whatever share they are of a quiet hour.',
  },
  functionErrors: {
    unit: 'times',
    ...everywhere(3),
    most: 1000,
    why: 'One crash is repeated by itself; three within 15 minutes are a pattern.',
  },
  lostEvents: {
    unit: 'events',
    ...everywhere(1),
    most: 1000,
    why: 'Such an event lies in no queue. Only the archive and Stripe still have it.',
  },
  undeliveredEvents: {
    unit: 'messages',
    ...everywhere(1),
    most: 1000,
    why: 'Our code never saw it, so nothing but a person brings it back.',
  },
  failedMessages: {
    unit: 'messages',
    ...everywhere(1),
    most: 1000,
    why: 'Our code gave up on it. It keeps for 14 days, so it waits for the morning.',
  },
  secretNotSet: {
    unit: 'attempts',
    ...everywhere(1),
    most: 1000,
    why: 'Without its secret no function can do anything.',
  },
  unknownPrices: {
    unit: 'events',
    ...everywhere(1),
    most: 1000,
    why: 'Somebody bought what config/plans.yaml does not know.',
  },
  unexpectedApiVersions: {
    unit: 'events',
    ...everywhere(1),
    most: 1000,
    why: "A destination's version never changes by itself, so a single event proves that somebody made another destination.",
  },
  driftRows: {
    unit: 'rows',
    ...everywhere(1),
    most: 10_000,
    why: 'Reconcile leaves out what may still be on its way, so a difference is a plan that was wrong.',
  },
  missedEvents: { unit: 'events', ...everywhere(1), most: 10_000, why: 'Every event should have come by the bus.' },
  entitledWithoutUser: {
    unit: 'customers',
    ...everywhere(1),
    most: 10_000,
    why: 'Each is somebody who paid and has nothing. Raise it while customers from before are still being linked.',
  },
  reconcileSilentHours: {
    unit: 'hours',
    ...everywhere(3),
    most: dayInHours,
    why: 'A run is due every hour: three missing in a row are no slow run.',
  },
  reconcileUnfinishedHours: {
    unit: 'hours',
    ...everywhere(6),
    most: dayInHours,
    why: 'A run that stops in time goes on an hour later: six of them read millions of objects. More means that the account outgrew the share of requests.',
  },
  reconcileSlowPercent: {
    unit: '%',
    ...everywhere(80),
    most: 99,
    why: "Share of the function's timeout: the last moment at which slow is not yet the same as never done.",
  },
} as const satisfies Record<string, Threshold>;

export type ThresholdName = keyof typeof thresholdTable;
export const thresholdNames = Object.keys(thresholdTable) as ThresholdName[];

/** What the alarms of one environment compare with. */
export type Thresholds = Readonly<Record<ThresholdName, number>>;

/** The table's column of `environment`, with what its settings file says instead. */
export const thresholdsOf = (environment: Environment, instead: Partial<Thresholds> = {}): Thresholds =>
  Object.fromEntries(
    thresholdNames.map((name) => [name, instead[name] ?? thresholdTable[name][environment]]),
  ) as Thresholds;

/** What is wrong with the `thresholds:` of a settings file, and what to write; a sentence each. Empty: all is well. */
export function thresholdProblems(given: unknown): string[] {
  if (given === undefined || given === null) return [];
  if (typeof given !== 'object' || Array.isArray(given)) {
    return [`thresholds is ${JSON.stringify(given)}: write one "name: number" a line, such as "silenceHours: 6".`];
  }
  return Object.entries(given).flatMap(([name, value]) => {
    const threshold: Threshold | undefined = Object.hasOwn(thresholdTable, name)
      ? thresholdTable[name as ThresholdName]
      : undefined;
    if (!threshold) return [`thresholds.${name} is not a threshold: choose from ${thresholdNames.join(', ')}.`];
    const fits = Number.isInteger(value) && value >= 1 && value <= threshold.most;
    return fits
      ? []
      : [
          `thresholds.${name} is ${JSON.stringify(value)}: write a whole number of ${threshold.unit}, 1 to ${threshold.most}.`,
        ];
  });
}

/** The table as text for a person: every threshold of every environment, what `instead` changes in one of them, and each why. */
export function printThresholds(changed?: { environment: Environment; instead: Partial<Thresholds> }): string {
  const cell = (name: ThresholdName, environment: Environment) => {
    const instead = environment === changed?.environment ? changed.instead[name] : undefined;
    const usual = thresholdTable[name][environment];
    return instead === undefined || instead === usual ? `${usual}` : `${instead} (not ${usual})`;
  };
  const rows = thresholdNames.map((name) => {
    const { unit, why } = thresholdTable[name];
    return `| \`${name}\` | ${environments.map((environment) => cell(name, environment)).join(' | ')} | ${unit} | ${why} |`;
  });
  return [`| threshold | ${environments.join(' | ')} | unit | why |`, '|---|---|---|---|---|---|', ...rows].join('\n');
}
