/**
 * What one event needs of each service: the one table that the cost is made of. Two ways to arrive, because batches make the difference.
 */
export interface PerEvent {
  /** Messages of one invocation. */
  batch: number;
  /** Bytes of the envelope. */
  envelopeBytes: number;
  /** Milliseconds that Lambda bills for one invocation. */
  workerMs: number;
  auditMs: number;
  /** Objects of the audit trail for each event, one invocation each; null: by the minute, however many come ({@link byTheMinute}). */
  auditObjects: number | null;
  auditObjectBytes: number;
  /** Bytes of log lines, metrics among them. */
  workerLogBytes: number;
  auditLogBytes: number;
  /** 1 KB each: the record of an event is written twice. */
  dynamoDbWrites: number;
  idempotencyRecordBytes: number;
  /** Share of events that write a plan event. */
  planEvents: number;
  /** Share of invocations that X-Ray samples: one a second and 5 % of the others. */
  traced: number;
}

/** One every few seconds: each event is a batch of its own. What one minute brought stands in one object of the audit trail. */
export const alone: PerEvent = {
  batch: 1,
  envelopeBytes: 3_100,
  workerMs: 25,
  auditMs: 30,
  auditObjects: null,
  auditObjectBytes: 170,
  workerLogBytes: 1_082,
  auditLogBytes: 0,
  dynamoDbWrites: 2,
  idempotencyRecordBytes: 551,
  planEvents: 0.25,
  traced: 0.88,
};

/** Ten at once, all the time. */
export const inTens: PerEvent = {
  ...alone,
  batch: 10,
  workerMs: 60,
  auditObjects: 1 / 100,
  auditObjectBytes: 96,
  workerLogBytes: 685,
  auditLogBytes: 6,
  traced: 0.07,
};

/** Where each of them comes from. */
export const origin: Readonly<Record<keyof PerEvent, string>> = {
  batch: 'by definition',
  envelopeBytes:
    'first measured over a demonstration; a simulated renewal has 1.7 KB, an invoice of many lines more: put in your own',
  workerMs:
    '**assumed**: 3.6 and 20.6 ms of a warm handler with everything on loopback (`npm run bench -- handler`), and the network',
  auditMs: '**assumed**',
  auditObjects:
    '[decision 11](decisions/0011-audit-groups.md): by the minute; a full batch waits for nobody, and an object holds up to a hundred',
  auditObjectBytes:
    'gzip of simulated renewals, twenty-three in an object (a minute of a million a month) and a hundred; alone one has 740',
  workerLogBytes: '`npm run bench -- handler`: what it printed, divided by events',
  auditLogBytes: 'one line an object',
  dynamoDbWrites: 'Powertools: in progress, done',
  idempotencyRecordBytes: 'size of the record that is written',
  planEvents: 'a renewal is one of four events that write some',
  traced: 'X-Ray’s default rule, at 1 million a month and at ten a second',
};

/** What the audit trail takes at most in a month of quiet minutes (decision 11); less when fewer events come than that. */
export const byTheMinute = {
  objects: 43_200,
  /** One message for each of ten groups is hidden until its minute is full, received once more, and starts the function. */
  hidden: 432_000,
} as const;

/** However few the events are. */
export const perMonth = {
  /** Turns of the clock, and of the hourly comparison: invocations, and their milliseconds. */
  reconcileInvocations: 8_640 + 720,
  reconcileMs: 500,
  /** Five pollers of each of three queues, 20 seconds each. */
  idlePolls: 3 * 5 * 3 * 60 * 24 * 30,
  /** With a catalogue of two currencies, while there is live traffic (docs/metrics.md). */
  customMetrics: 29,
  kmsRequests: 100_000,
} as const;
