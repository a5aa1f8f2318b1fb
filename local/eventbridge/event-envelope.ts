import { LOCAL_ACCOUNT, LOCAL_REGION } from '../cloudformation/template-values.ts';

/** An event as EventBridge hands it to a rule's target. @see https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html */
export interface EventEnvelope {
  version: '0';
  id: string;
  'detail-type': string;
  source: string;
  account: string;
  /** To the second, as EventBridge writes it. */
  time: string;
  region: string;
  resources: string[];
  'replay-name'?: string;
  detail: object;
}

export function envelopeOf(source: string, detailType: string, detail: object): EventEnvelope {
  return {
    version: '0',
    id: crypto.randomUUID(),
    'detail-type': detailType,
    source,
    account: LOCAL_ACCOUNT,
    time: `${new Date().toISOString().slice(0, 19)}Z`,
    region: LOCAL_REGION,
    resources: [],
    detail,
  };
}
