import type { CommandLines } from '../cli/command-lines.ts';
import type { HealthWord, Status } from './pipeline-state.ts';

interface Verdict {
  word: Exclude<HealthWord, 'healthy' | 'unknown'>;
  reason: string;
}

/** A rate over fewer than this many in five minutes is no rate: one failed payment at night is not an outage. */
const ENOUGH = 20;
/** What the promise of 99.9 % may fall to in five minutes before a person should look: one cold start among a hundred does not. */
const IN_TIME_AT_LEAST = 0.95;

/**
 * The health word and its reasons, worst first: from the last five minutes, so that a fault shows and an end of it shows too, and from what
 * stands whatever the time is (a rule that is off, a queue that is gone, dead letters, alarms).
 *
 * Payments over 10 % or processing over 5 % failing is degraded, 25 % or 15 % critical.
 */
export function judge(
  status: Omit<Status, 'health' | 'reasons'>,
  lines: CommandLines,
): { health: HealthWord; reasons: string[] } {
  const verdicts = [
    ...ofSecret(status),
    ...ofStripe(status, lines),
    ...ofRules(status),
    ...ofWorkers(status, lines),
    ...ofRates(status),
    ...ofDeadLetters(status, lines),
    ...ofPrices(status, lines),
    ...status.alarms.map((alarm): Verdict => ({ word: 'degraded', reason: `The alarm ${alarm} rings.` })),
  ];
  const order: HealthWord[] = ['critical', 'degraded', 'paused'];
  verdicts.sort((a, b) => order.indexOf(a.word) - order.indexOf(b.word));
  if (verdicts.length > 0) return { health: verdicts[0]!.word, reasons: verdicts.map(({ reason }) => reason) };
  if (status.last_event_at === null)
    return { health: 'unknown', reasons: ['No event in the last 24 hours to judge by.'] };
  return { health: 'healthy', reasons: [] };
}

type Facts = Omit<Status, 'health' | 'reasons'>;

function ofSecret({ secret_empty }: Facts): Verdict[] {
  if (secret_empty.length === 0) return [];
  const reason = `${secret_empty.join(' and ')} ${secret_empty.length === 1 ? 'is' : 'are'} empty in the secret: functions that start now can settle nothing.`;
  return [{ word: 'critical', reason }];
}

function ofStripe({ stripe }: Facts, lines: CommandLines): Verdict[] {
  const next = `\`${lines.verb('diagnose')}\` says what to do.`;
  if (stripe.state === 'sends_nothing' && stripe.sending.length > 0) {
    const still = `events still come by ${stripe.sending.join(' and ')}`;
    return [
      { word: 'degraded', reason: `Of the two event sources one brings nothing; ${still}. ${stripe.why} ${next}` },
    ];
  }
  if (stripe.state === 'sends_nothing')
    return [{ word: 'critical', reason: `Stripe sends nothing. ${stripe.why} ${next}` }];
  // Events still come and are settled; those that need Stripe's answer wait, and nothing is compared.
  if (stripe.state === 'key_refused') return [{ word: 'degraded', reason: `${stripe.why} ${next}` }];
  return [];
}

function ofRules({ rules }: Facts): Verdict[] {
  return rules
    .filter(({ state }) => state !== 'ENABLED')
    .map(({ name, feeds, state }) => ({
      // What the audit misses, customers do not notice; the archive has it.
      word: feeds === 'audit' ? 'degraded' : 'critical',
      reason: `The rule ${name} is ${state === 'missing' ? 'gone' : 'disabled'}: its events reach no queue.`,
    }));
}

function ofWorkers({ workers, queues }: Facts, lines: CommandLines): Verdict[] {
  return workers.flatMap(({ name, state, arrived, settled, crashed, stuck }): Verdict[] => {
    const word = name === 'audit' ? 'degraded' : 'critical';
    const queue = queues.find((one) => one.kind === 'work' && one.name === name);
    if (queue && queue.waiting === null) return [{ word, reason: `The queue of ${name} does not exist.` }];
    if (state === 'missing')
      return [{ word, reason: `${name} has no event source mapping: nothing takes from its queue.` }];
    if (state === 'paused')
      return [
        {
          word: 'paused',
          reason: `${name} is paused: its queue keeps what arrives. \`${lines.verb('resume --apply')}\` starts it.`,
        },
      ];
    const crashes = crashed > 0 ? `; ${count(crashed, 'run')} crashed` : '';
    const held = (queue?.waiting ?? 0) + (queue?.in_flight ?? 0);
    if (stuck)
      return [
        {
          word,
          reason: `${name} settles nothing: ${arrived === null ? '' : `arriving ${arrived}, `}settled 0 for 5 minutes, ${count(held, 'message')} waiting or in flight${crashes}.`,
        },
      ];
    if (crashed === 0) return [];
    return [
      settled === 0
        ? {
            word,
            reason: `${count(crashed, 'run')} of ${name} crashed in the last 5 minutes, and none settled anything.`,
          }
        : { word: 'degraded', reason: `${count(crashed, 'run')} of ${name} crashed in the last 5 minutes.` },
    ];
  });
}

function ofRates({ last_5_minutes, slo }: Facts): Verdict[] {
  const { attempts, processing_failure_rate, payments, payment_failure_rate } = last_5_minutes;
  const over = (name: string, of: number, value: number | null, degraded: number, critical: number): Verdict[] =>
    value === null || of < ENOUGH || value <= degraded
      ? []
      : [
          {
            word: value > critical ? 'critical' : 'degraded',
            reason: `${percent(value)} of ${name} failed in the last 5 minutes.`,
          },
        ];
  const { achieved, events } = slo.last_5_minutes;
  return [
    ...over('attempts to settle an event', attempts, processing_failure_rate, 0.05, 0.15),
    ...over('payments', payments, payment_failure_rate, 0.1, 0.25),
    ...(achieved !== null && events >= ENOUGH && achieved < IN_TIME_AT_LEAST
      ? [
          {
            word: 'degraded' as const,
            reason: `Only ${percent(achieved)} of the last 5 minutes' events were committed within ${slo.within_ms / 1000} s (promise ${percent(slo.target)}).`,
          },
        ]
      : []),
  ];
}

function ofDeadLetters({ queues }: Facts, lines: CommandLines): Verdict[] {
  return queues
    .filter(({ kind }) => kind !== 'work')
    .flatMap(({ name, kind, waiting, in_flight }): Verdict[] => {
      if (waiting === null)
        return [{ word: 'degraded', reason: `The queue ${name} does not exist: what it should keep is lost.` }];
      if (waiting + in_flight === 0) return [];
      const why = kind === 'failed' ? 'our code gave up on them' : 'our code never saw them';
      return [
        {
          word: 'degraded',
          reason: `${count(waiting + in_flight, 'message')} in ${name}: ${why}. \`${lines.verb('redrive')}\` shows why.`,
        },
      ];
    });
}

function ofPrices({ unknown_prices }: Facts, lines: CommandLines): Verdict[] {
  if (unknown_prices === 0) return [];
  return [
    {
      word: 'degraded',
      reason: `${count(unknown_prices, 'event')} of the last 5 minutes had a price that config/plans.yaml lacks: who bought it keeps the plan held before. \`${lines.verb('doctor')}\` names it.`,
    },
  ];
}

export const percent = (value: number): string => `${(value * 100).toFixed(value < 0.1 ? 2 : 1)} %`;
export const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`;
