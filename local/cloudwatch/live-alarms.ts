import { type AlarmResource, alarmStates } from './alarm-states.ts';
import { MetricHistory } from './metric-history.ts';
import type { MetricStore } from './metric-store.ts';
import { shortAlarmName } from './stack-dashboard.ts';

/** An alarm that would ring in AWS, if it went on like this. */
export interface RingingAlarm {
  name: string;
  /** What the alarm's own text says, its runbook included. */
  says: string;
}

/** What counts as now: the last minute is taken as one of the alarm's periods. */
const WINDOW_MS = 60_000;
/** Pages ask several times a second. */
const FRESH_FOR_MS = 1000;

/** The alarms of the stack on what the run measures. Those that ring when nothing comes for hours are left out: a run at a desk is silent. */
export class LiveAlarms {
  readonly #alarms: AlarmResource[];
  readonly #metrics: MetricStore;
  #ringing: RingingAlarm[] = [];
  #lookedAtMs = 0;

  constructor(alarms: AlarmResource[], metrics: MetricStore) {
    this.#alarms = alarms;
    this.#metrics = metrics;
  }

  ringing(): RingingAlarm[] {
    const now = Date.now();
    if (now - this.#lookedAtMs < FRESH_FOR_MS) return this.#ringing;
    this.#lookedAtMs = now;
    const states = liveAlarmStates(this.#alarms, this.#metrics, now);
    this.#ringing = this.#alarms
      .filter((alarm) => states.get(alarm.logicalId) === 'ALARM' && ringsByItself(alarm))
      .map((alarm) => ({ name: shortAlarmName(alarm), says: String(alarm.properties.AlarmDescription ?? '') }));
    return this.#ringing;
  }
}

/** Not what is only a part of another alarm, nor what only says that one of others rings. */
function ringsByItself({ type, properties }: AlarmResource): boolean {
  const actions = (properties.AlarmActions ?? []) as unknown[];
  return actions.length > 0 && (type === 'AWS::CloudWatch::Alarm' || / AND /.test(String(properties.AlarmRule)));
}

export function liveAlarmStates(alarms: AlarmResource[], metrics: MetricStore, now: number) {
  const window = { fromMs: now - WINDOW_MS, toMs: now + 1000 };
  const states = alarmStates(alarms, new MetricHistory(metrics.all(window.fromMs), window), window);
  for (const { logicalId, properties } of alarms)
    if (properties.TreatMissingData === 'breaching') states.set(logicalId, 'aws');
  return states;
}
