export type { PlanEvent } from './plan-event.generated.ts';
