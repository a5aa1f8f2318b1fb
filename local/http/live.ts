import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LocalPipeline } from '../local-pipeline.ts';

/** Quick enough to look live, slow enough to cost nothing. */
const MS_BETWEEN_BEATS = 330;
/** What a page shows of the plans; `GET /state` has all of them. */
const MOST_PLANS = 200;
/** A page that opens late still shows what led here. */
const HAPPENINGS_AT_FIRST = 40;

/** Server-sent events for the page: the state, what happened since the last beat, and the plans and plan events whenever they changed. */
export async function live(pipeline: LocalPipeline, response: ServerResponse): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  let heard = Math.max(0, pipeline.feed.sequence - HAPPENINGS_AT_FIRST);
  let sentPlans = '';
  let sentPlanEvents = -1;
  while (!response.destroyed) {
    const happenings = pipeline.feed.after(heard);
    heard = pipeline.feed.sequence;
    const { plans, plan_events: planEvents, ...state } = await pipeline.state();
    const shown = plans.slice(0, MOST_PLANS);
    const plansText = JSON.stringify(shown) + plans.length;
    const news = {
      ...(plansText === sentPlans ? {} : { plans: shown, plan_count: plans.length }),
      ...(pipeline.planEventChanges === sentPlanEvents ? {} : { plan_events: planEvents }),
    };
    sentPlans = plansText;
    sentPlanEvents = pipeline.planEventChanges;
    response.write(`data: ${JSON.stringify({ state, ...news, happenings })}\n\n`);
    await sleep(MS_BETWEEN_BEATS);
  }
}
