import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { type Environment, longestAppName } from './names.ts';

/** What is wrong with a value, and what would be right: `is "x"`, `give true or false`. */
export class Fault {
  readonly what: string;
  readonly fix: string;

  constructor(what: string, fix: string) {
    this.what = what;
    this.fix = fix;
  }
}

/** Reads one setting as a file or `-c` gives it; `-c` makes text of everything. */
export type ReadSetting<Value> = (given: unknown) => Value | Fault;

const shown = (given: unknown) => JSON.stringify(given) ?? String(given);

/** Reads text, trimmed, with `read`. */
const text =
  <Value>(read: (given: string) => Value | Fault): ReadSetting<Value> =>
  (given) =>
    typeof given === 'string' ? read(given.trim()) : new Fault(`is ${shown(given)}`, 'give text');

export const eventSourceName = text<string>((given) => {
  if (/^aws\.partner\/stripe\.com\/ed_\w+$/.test(given) && given.length <= 256) return given;
  const source = /aws\.partner\/stripe\.com\/ed_\w+$/.exec(given)?.[0];
  return new Fault(
    `is "${given}"`,
    source
      ? `this looks like an ARN; give only its last part, "${source}"`
      : /^ed_\w+$/.test(given)
        ? `this is the destination's id; give "aws.partner/stripe.com/${given}"`
        : whereTheSourceIs,
  );
});

export const whereTheSourceIs =
  'give aws.partner/stripe.com/ed_…, the name that `npm run ops -- destination create` and the EventBridge console print';

export const appName = (environment: Environment): ReadSetting<string> =>
  text((given) => {
    const longest = longestAppName(environment);
    if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(given)) {
      return new Fault(
        `is "${given}"`,
        'use lower-case letters, digits and single dashes, beginning with a letter: it becomes part of every name',
      );
    }
    if (given.length <= longest) return given;
    return new Fault(
      `is "${given}", ${given.length} characters`,
      `use at most ${longest}: EventBridge allows 48 for the archive's name, "${given}-stripe-${environment}"`,
    );
  });

/** `-c name=false` arrives as the string "false", which is true to JavaScript. */
export const flag: ReadSetting<boolean> = (given) => {
  if (given === true || given === 'true') return true;
  if (given === false || given === 'false') return false;
  return new Fault(`is ${shown(given)}`, 'give true or false');
};

export const oneOf =
  <const Choice extends string | number>(choices: readonly Choice[]): ReadSetting<Choice> =>
  (given) =>
    choices.find((choice) => String(choice) === String(given)) ??
    new Fault(`is ${shown(given)}`, `give one of ${choices.join(', ')}`);

export const wholeNumber =
  (unit: string, least: number, most: number): ReadSetting<number> =>
  (given) => {
    const number = typeof given === 'string' && given.trim() !== '' ? Number(given) : given;
    return typeof number === 'number' && Number.isInteger(number) && number >= least && number <= most
      ? number
      : new Fault(`is ${shown(given)}`, `give a whole number of ${unit}, ${least} to ${most}`);
  };

export const email = text((given) =>
  /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(given)
    ? given
    : new Fault(`is "${given}"`, 'give one address, such as oncall@example.com, or leave it out'),
);

export const httpsUrl = text((given) => {
  const url = URL.parse(given);
  if (url?.protocol !== 'https:') {
    return new Fault(`is "${given}"`, 'give a whole URL that begins with https://, or leave it out');
  }
  if (url.username || url.password) {
    return new Fault('carries a user name or password', 'leave it out of the URL: the template would show it');
  }
  return given.replace(/\/+$/, '');
});

/** An https URL that EventBridge can reach. */
export const publicHttpsUrl: ReadSetting<string> = (given) => {
  const url = httpsUrl(given);
  if (url instanceof Fault || !/^(localhost|127\.|10\.|192\.168\.|\[)/.test(new URL(url).hostname)) return url;
  return new Fault(`is "${url}"`, 'give an address that EventBridge can reach from the internet');
};

/** The PEM certificates in a file; `folder` is what a relative path begins at. */
export const certificates = (folder: string): ReadSetting<string> =>
  text((given) => {
    const where =
      'download the authority\'s certificate (Supabase: Database settings, "SSL certificate") and give the file\'s path';
    let pem: string;
    try {
      pem = readFileSync(isAbsolute(given) ? given : join(folder, given), 'utf8');
    } catch (cause) {
      return new Fault(`"${given}" cannot be read (${(cause as NodeJS.ErrnoException).code})`, where);
    }
    const found = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g);
    if (!found) return new Fault(`"${given}" holds no PEM certificate`, where);
    const fault = found.map(faultOf).find((each) => each !== undefined);
    return fault ? new Fault(`"${given}" ${fault}`, where) : `${found.join('\n')}\n`;
  });

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

/** Where functions that need the database run, when it has no public address. */
export interface VpcPlace {
  readonly subnetIds: readonly string[];
  readonly securityGroupIds: readonly string[];
}

export const vpcPlace: ReadSetting<VpcPlace> = (given) => {
  const { subnetIds, securityGroupIds, ...others } = (
    typeof given === 'object' && given !== null ? given : {}
  ) as Record<string, unknown>;
  const listed = (ids: unknown, prefix: string): ids is string[] =>
    Array.isArray(ids) &&
    ids.length > 0 &&
    ids.every((id) => new RegExp(`^${prefix}-[0-9a-f]{8,17}$`).test(String(id)));
  if (listed(subnetIds, 'subnet') && listed(securityGroupIds, 'sg') && Object.keys(others).length === 0)
    return { subnetIds, securityGroupIds };
  return new Fault(
    `is ${shown(given)}`,
    'give in the settings file "subnetIds: [subnet-…, subnet-…]" and "securityGroupIds: [sg-…]", or leave it out',
  );
};
