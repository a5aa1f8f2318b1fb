import type { PlanStateRow } from './backends/plan-states.ts';
import type { LocalQueueDepth } from './backends/sqs-s3-dynamodb.ts';
import type { RingingAlarm } from './cloudwatch/live-alarms.ts';
import type { OutcomeCounts, ReplayTally } from './event-tally.ts';
import type { PublishedPlanEvent } from './eventbridge/published-plan-events.ts';
import type { ScheduleState } from './eventbridge/schedules.ts';
import type { DeferredMessage } from './lambda/invocation-reader.ts';
import type { FunctionState } from './lambda/local-functions.ts';

/**
 * What `GET /state` answers.
 *
 * The counts and `idle` are read before the plans: once it says idle, the plans of every event that it counts are in it.
 */
export interface PipelineState {
  plans: PlanStateRow[];
  posted: number;
  outcomes: OutcomeCounts;
  audited: number;
  queues: Record<string, LocalQueueDepth>;
  idle: boolean;
  /** Deliveries of live events that a target's queue did not take. */
  undelivered: number;
  /** Messages that a function was done with and logged no outcome for. */
  unexplained: number;
  /** How those messages ended that functions put into the queues themselves, the reconcile function for one. */
  repairs: OutcomeCounts;
  replays: ReplayTally[];
  /** Messages that went back to their queue and wait there. */
  deferred: DeferredMessage[];
  archive: { name: string; events: number };
  published_plan_events: number;
  /** The last hundred, newest first. */
  plan_events: PublishedPlanEvent[];
  /** Where plan events are posted to; null without `--forward`. */
  forward: string | null;
  database: { running: boolean; ours: boolean };
  functions: Record<string, FunctionState>;
  schedules: ScheduleState[];
  /** The stack's alarms whose condition holds for what the last minute measured. */
  alarms: RingingAlarm[];
}
