import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Node } from 'constructs';
import { type Environment, environments, longestAppName } from './names.ts';

const settingNames = [
  'stripeEventSourceName',
  'environment',
  'appName',
  'adoptEventBus',
  'createKmsKey',
  'alarmEmail',
  'apiUrl',
  'runbookBaseUrl',
  'databaseCaFile',
] as const;
type SettingName = (typeof settingNames)[number];

/** Reads one setting after the other and remembers what was wrong, so that all of it is told at once. */
export class SettingsContext {
  readonly problems: string[] = [];
  private readonly node: Node;

  constructor(node: Node) {
    this.node = node;
  }

  stripeEventSourceName(): string | undefined {
    const value = this.text('stripeEventSourceName');
    const pass =
      'pass aws.partner/stripe.com/ed_…, the name that `npm run ops -- destination show` and the EventBridge console print';
    if (value === undefined) {
      return this.problem('stripeEventSourceName is missing', pass.replace('pass ', 'pass -c stripeEventSourceName='));
    }
    if (/^aws\.partner\/stripe\.com\/ed_\w+$/.test(value) && value.length <= 256) return value;
    const source = /aws\.partner\/stripe\.com\/ed_\w+$/.exec(value)?.[0];
    const mend = source
      ? `this looks like an ARN; pass only its last part, "${source}"`
      : /^ed_\w+$/.test(value)
        ? `this is the destination's id; pass "aws.partner/stripe.com/${value}"`
        : pass;
    return this.problem(`stripeEventSourceName is "${value}"`, mend);
  }

  environment(): Environment | undefined {
    const value = this.text('environment') ?? 'dev';
    const known = environments.find((environment) => environment === value);
    return known ?? this.problem(`environment is "${value}"`, `choose one of ${environments.join(', ')}`);
  }

  appName(environment: Environment): string | undefined {
    const value = this.text('appName') ?? 'huntaze';
    const longest = longestAppName(environment);
    if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(value)) {
      return this.problem(
        `appName is "${value}"`,
        'use lower-case letters, digits and single dashes, beginning with a letter: it becomes part of every name',
      );
    }
    if (value.length > longest) {
      return this.problem(
        `appName is "${value}", ${value.length} characters`,
        `use at most ${longest}: EventBridge allows 48 for the archive's name, "${value}-stripe-${environment}"`,
      );
    }
    return value;
  }

  /** `-c name=false` arrives as the string "false", which is true to JavaScript. */
  flag(name: 'adoptEventBus' | 'createKmsKey'): boolean | undefined {
    const value = this.node.tryGetContext(name) ?? false;
    if (value === true || value === 'true') return true;
    if (value === false || value === 'false' || value === '') return false;
    return this.problem(`${name} is ${JSON.stringify(value)}`, 'pass true or false');
  }

  alarmEmail(): string | undefined {
    const value = this.text('alarmEmail');
    if (value === undefined || /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(value)) return value;
    return this.problem(`alarmEmail is "${value}"`, 'pass one address, such as oncall@example.com, or leave it out');
  }

  httpsUrl(name: 'apiUrl' | 'runbookBaseUrl'): string | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    const url = URL.parse(value);
    if (url?.protocol !== 'https:') {
      return this.problem(`${name} is "${value}"`, 'pass a whole URL that begins with https://, or leave it out');
    }
    if (url.username || url.password) {
      return this.problem(
        `${name} carries a user name or password`,
        'leave it out of the URL: the template would show it',
      );
    }
    if (name === 'apiUrl' && /^(localhost|127\.|10\.|192\.168\.|\[)/.test(url.hostname)) {
      return this.problem(`${name} is "${value}"`, 'pass an address that EventBridge can reach from the internet');
    }
    return value;
  }

  runbookBaseUrl(): string | undefined {
    return this.httpsUrl('runbookBaseUrl')?.replace(/\/+$/, '');
  }

  databaseCa(): string | undefined {
    const file = this.text('databaseCaFile');
    if (file === undefined) return undefined;
    const where =
      'download the authority\'s certificate (Supabase: Database settings, "SSL certificate") and pass the file\'s path';
    let pem: string;
    try {
      pem = readFileSync(file, 'utf8');
    } catch (cause) {
      return this.problem(`databaseCaFile "${file}" cannot be read (${(cause as NodeJS.ErrnoException).code})`, where);
    }
    const certificates = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g);
    if (!certificates) return this.problem(`databaseCaFile "${file}" holds no PEM certificate`, where);
    for (const certificate of certificates) {
      const fault = faultOf(certificate);
      if (fault) return this.problem(`databaseCaFile "${file}" ${fault}`, where);
    }
    return `${certificates.join('\n')}\n`;
  }

  /** A mistyped optional setting would be ignored without a word: `createKMSKey=true` would encrypt nothing. */
  refuseNearMisses(): void {
    const ours = new Set<string>(settingNames);
    for (const name of Object.keys(this.node.getAllContext()).filter(
      (name) => !ours.has(name) && !/[:@/]/.test(name),
    )) {
      const meant = settingNames.find((ours) => resembles(ours.toLowerCase(), name.toLowerCase()));
      if (meant) this.problem(`${name} is not a setting`, `did you mean ${meant}`);
    }
  }

  /** Context may hold any JSON; a setting is text. An empty one counts as left out. */
  private text(name: SettingName): string | undefined {
    const value: unknown = this.node.tryGetContext(name);
    if (value === undefined || value === null || value === '') return undefined;
    if (typeof value === 'string') return value.trim() || undefined;
    return this.problem(`${name} is ${JSON.stringify(value)}`, 'pass text');
  }

  private problem(what: string, mend: string): undefined {
    const line = `${what}: ${mend}.`;
    if (!this.problems.includes(line)) this.problems.push(line);
    return undefined;
  }
}

/** Why a certificate is of no use, or undefined. */
function faultOf(pem: string): string | undefined {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(pem);
  } catch {
    return 'holds a certificate that cannot be read as X.509';
  }
  const validTo = new Date(certificate.validTo);
  return validTo < new Date()
    ? `holds a certificate that expired on ${validTo.toISOString().slice(0, 10)} (${certificate.subject.replaceAll('\n', ', ')})`
    : undefined;
}

/** Cut short (`env` for `environment`) or mistyped by up to two letters. */
function resembles(ours: string, given: string): boolean {
  return (given.length >= 3 && ours.startsWith(given)) || distance(ours, given) <= 2;
}

/** Number of single-character edits between two words. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (const [index, letter] of [...a].entries()) {
    const next = [index + 1];
    for (let column = 1; column <= b.length; column++) {
      const replaced = (row[column - 1] ?? 0) + (letter === b[column - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
