import { Ajv } from 'ajv';

/** What the apply function writes; the registry must describe each. */
const eventTypes = [
  'SUBSCRIPTION_ACTIVATED',
  'SUBSCRIPTION_UPDATED',
  'SUBSCRIPTION_CANCELLED',
  'TRIAL_ENDING',
  'PAYMENT_FAILED',
  'PAYMENT_ACTION_REQUIRED',
];
const fields = ['id', 'event_type', 'user_id', 'version', 'occurred_at', 'plan', 'payload', 'app_source', 'metadata'];

/** Checks one plan event; answers what is wrong with it, nothing when it is right. */
export type PlanEventCheck = (planEvent: unknown) => string[];

/**
 * The registry of plan events in `document` (parsed YAML of `config/plan-events.yaml`, a JSON Schema), or every problem it has.
 *
 * Not for the handlers: they take the types made from it (`plan-event.generated.ts`).
 */
export function readPlanEventRegistry(document: unknown): { check: PlanEventCheck } | { problems: string[] } {
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    return {
      problems: ['the document: wanted a JSON Schema, written as a YAML mapping; restore it from the repository'],
    };
  }
  const ajv = new Ajv({
    allErrors: true,
    allowUnionTypes: true,
    logger: false,
    formats: { uuid: /^[0-9a-f-]{36}$/, 'date-time': (text: string) => !Number.isNaN(Date.parse(text)) },
  });
  if (!ajv.validateSchema(document)) {
    return {
      problems: (ajv.errors ?? []).map(
        ({ instancePath, message }) =>
          `${instancePath.slice(1).replaceAll('/', '.') || 'the document'}: ${message}, says JSON Schema`,
      ),
    };
  }
  let validate: ReturnType<typeof ajv.compile>;
  try {
    validate = ajv.compile(document);
  } catch (error) {
    return { problems: [`the document: ${(error as Error).message}; correct that keyword`] };
  }
  const { properties = {}, required = [] } = document as {
    properties?: Record<string, { enum?: unknown[] }>;
    required?: string[];
  };
  const problems = [
    ...fields
      .filter((field) => properties[field] === undefined || !required.includes(field))
      .map((field) => `properties.${field}: the apps rely on it; describe it and list it under required`),
    ...eventTypes
      .filter((type) => !properties.event_type?.enum?.includes(type))
      .map((type) => `properties.event_type.enum: lacks ${type}, which billing.apply_events writes; add it`),
  ];
  if (problems.length > 0) return { problems };
  return {
    check: (planEvent) =>
      validate(planEvent)
        ? []
        : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath || 'the plan event'} ${message}`),
  };
}
