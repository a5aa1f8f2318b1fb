import { PipelineError } from '../../core/errors.ts';
import { isNotThere } from '../deployment/not-there.ts';
import type { CommandLines } from './command-lines.ts';
import { Refusal } from './refusal.ts';

/**
 * What an error of AWS, Stripe, Postgres or the network means to the person at the terminal.
 * Undefined for what nobody foresaw: that is shown whole, with its stack.
 */
export function toUserError(error: unknown, lines: CommandLines): Refusal | undefined {
  if (error instanceof Refusal) return error;
  if (!isError(error)) return undefined;
  if (error instanceof PipelineError)
    return new Refusal(error.code, error.message, fixOf(error, lines), { cause: error });
  if (error.name === 'ExitPromptError')
    return new Refusal('interrupted', 'Interrupted; nothing was changed.', 'Run it again.');
  return explainAws(error, lines) ?? explainStripe(error, lines) ?? explainPostgres(error) ?? explainNetwork(error);
}

/** By its looks: an error may come from another realm (a worker, a test runner), where `instanceof` fails. */
const isError = (error: unknown): error is Error => typeof error === 'object' && error !== null && 'message' in error;

function explainAws(error: Error, lines: CommandLines): Refusal | undefined {
  const cause = { cause: error };
  if (error.message === 'Region is missing') {
    return new Refusal('no_region', 'No AWS region is set.', 'Give --region eu-central-1 (or set AWS_REGION).', cause);
  }
  if (/^Region not accepted/.test(error.message)) {
    return new Refusal(
      'bad_region',
      firstLine(error.message),
      'Give a region such as eu-central-1: --region, or AWS_REGION.',
      cause,
    );
  }
  if (isNotThere(error)) {
    const { BucketName } = error as { BucketName?: string };
    return new Refusal(
      'not_there',
      `AWS says that something of this stack does not exist: ${firstLine(error.message)}${BucketName ? ` (${BucketName})` : ''} [${error.name}].`,
      `Deleted by hand, most likely: \`${lines.cdk('drift')}\` names it.`,
      cause,
    );
  }
  switch (error.name) {
    case 'CredentialsProviderError':
    case 'TokenProviderError':
      return new Refusal(
        'no_credentials',
        `No AWS credentials that can be used (${firstLine(error.message)}).`,
        'Sign in (`aws sso login`) and set AWS_PROFILE, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.',
        cause,
      );
    case 'ExpiredToken':
    case 'ExpiredTokenException':
    case 'RequestExpired':
      return new Refusal(
        'credentials_expired',
        'The AWS credentials have expired.',
        'Sign in again: `aws sso login`.',
        cause,
      );
    case 'InvalidClientTokenId':
    case 'UnrecognizedClientException':
    case 'SignatureDoesNotMatch':
    case 'InvalidSignatureException':
      return new Refusal(
        'credentials_rejected',
        `AWS does not accept these credentials (${error.name}).`,
        'Check AWS_PROFILE, or the two AWS_… keys; `aws sts get-caller-identity` should name you.',
        cause,
      );
    case 'AccessDenied':
    case 'AccessDeniedException':
    case 'AuthorizationError':
      return new Refusal(
        'access_denied',
        firstLine(error.message),
        'Ask for that action on that resource, or use a role that has it; docs/operations.md lists what each verb needs.',
        cause,
      );
    default:
      return undefined;
  }
}

function explainStripe(error: Error, lines: CommandLines): Refusal | undefined {
  const type = (error as { type?: unknown }).type;
  if (type === 'StripeAuthenticationError') {
    return new Refusal(
      'stripe_key_rejected',
      'Stripe does not accept the key.',
      `Make one at https://dashboard.stripe.com/apikeys, then \`${lines.verb('secrets --apply')}\`.`,
      { cause: error },
    );
  }
  if (type === 'StripePermissionError') {
    return new Refusal(
      'stripe_permission',
      `The Stripe key may not do that (${firstLine(error.message)}).`,
      'Give the restricted key that permission in the Stripe dashboard, or use another key in STRIPE_SECRET_KEY.',
      { cause: error },
    );
  }
  if (type === 'StripeConnectionError') {
    return new Refusal(
      'stripe_unreachable',
      `Stripe cannot be reached (${firstLine(error.message)}).`,
      'Check the network (and STRIPE_API_BASE, if you set it).',
      { cause: error },
    );
  }
  if (typeof type === 'string' && type.startsWith('Stripe')) {
    return new Refusal(
      'stripe_refused',
      `Stripe refused: ${firstLine(error.message)}`,
      'Correct the request; Stripe changed nothing.',
      { cause: error },
    );
  }
  return undefined;
}

/** By its SQLSTATE and severity, which only the server's own errors carry. */
function explainPostgres(error: Error): Refusal | undefined {
  const { code, severity } = error as { code?: unknown; severity?: unknown };
  if (typeof code !== 'string' || !/^[0-9A-Z]{5}$/.test(code) || typeof severity !== 'string') return undefined;
  return new Refusal(
    `database_${code}`,
    `Postgres refused: ${firstLine(error.message)} (SQLSTATE ${code}).`,
    code.startsWith('28') ? 'Check user and password of the database URL.' : 'Correct it, then run the verb again.',
    { cause: error },
  );
}

function explainNetwork(error: Error): Refusal | undefined {
  const code = networkCode(error);
  if (code === undefined) return undefined;
  return new Refusal(
    'unreachable',
    `A server cannot be reached: ${firstLine(error.message) || code}.`,
    'Check the network, the region, and AWS_ENDPOINT_URL if you set it.',
    { cause: error },
  );
}

const networkCodes = [
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
];

/** Node reports several attempts to connect as one AggregateError with an empty message. */
function networkCode(error: Error): string | undefined {
  const errors = [error, ...((error as AggregateError).errors ?? []), error.cause];
  return errors
    .map((each) => (each as { code?: string } | undefined)?.code)
    .find((code) => code !== undefined && networkCodes.includes(code));
}

export const firstLine = (text: string): string => text.split('\n', 1)[0]!.trim();

function fixOf({ code }: PipelineError, lines: CommandLines): string {
  if (code === 'database_unreachable') {
    return 'Check that this machine may reach the database, and for "self-signed" or "certificate" pass its authority with --database-ca.';
  }
  if (code === 'migration_failed')
    return 'The migrations before it stay applied. Correct the file (or the database) and run the verb again.';
  if (['secret_not_set', 'secret_unreadable', 'database_url_invalid'].includes(code))
    return `\`${lines.verb('secrets --apply')}\` asks for each value.`;
  if (code.startsWith('database_'))
    return `\`${lines.verb('migrate')}\` shows whether migrations are missing; \`${lines.verb('doctor')}\` looks at the rest.`;
  return 'Correct it, then run the verb again.';
}
