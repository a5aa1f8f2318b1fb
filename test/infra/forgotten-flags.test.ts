import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Template } from 'aws-cdk-lib/assertions';
import { readSettings, type SettingName, SettingsError, settingNames } from '../../lib/settings.ts';
import { StripePipelineStack } from '../../lib/stripe-pipeline-stack.ts';
import { certificates } from './certificates.ts';
import { eventSource, newApp, root } from './synthesis.ts';

/** A deployment with a `-c` forgotten changes nothing unseen: what is written in the file needs no flag, and a flag is told of. */

const folder = mkdtempSync(join(tmpdir(), 'forgotten-'));
afterAll(() => rmSync(folder, { recursive: true }));
const certificate = join(folder, 'ca.crt');
writeFileSync(certificate, certificates.valid);

/** Each setting with a value that is not its default: as a file has it, and as `-c` makes text of it. */
const given: Record<SettingName, [inFile: unknown, onCommandLine: unknown]> = {
  stripeEventSourceName: ['aws.partner/stripe.com/ed_other', 'aws.partner/stripe.com/ed_other'],
  secondEventSourceName: ['aws.partner/stripe.com/ed_second', 'aws.partner/stripe.com/ed_second'],
  // Only beside two that are there.
  retiredEventSourceName: ['aws.partner/stripe.com/ed_second', 'aws.partner/stripe.com/ed_second'],
  appName: ['my-shop', 'my-shop'],
  adoptEventBus: [true, 'true'],
  createKmsKey: [true, 'true'],
  reconcileHeals: [false, 'false'],
  alarmEmail: ['oncall@example.com', 'oncall@example.com'],
  apiUrl: ['https://api.example.com/plans', 'https://api.example.com/plans'],
  runbookBaseUrl: ['https://example.com/runbooks', 'https://example.com/runbooks'],
  databaseCaFile: [certificate, certificate],
  logLevel: ['DEBUG', 'DEBUG'],
  logRetentionDays: [30, '30'],
  archiveRetentionDays: [90, '90'],
  auditRetentionDays: [400, '400'],
  auditDrainSeconds: [5, '5'],
  tracing: ['sampled', 'sampled'],
  verifyEvents: [true, 'true'],
  // Structures, which no command line holds.
  vpc: [{ subnetIds: ['subnet-0a1b2c3d'], securityGroupIds: ['sg-0a1b2c3d4e5f60718'] }, undefined],
  thresholds: [{ silenceHours: 6 }, undefined],
};

const settingsOf = (...app: Parameters<typeof newApp>) => readSettings(newApp(...app).node.getAllContext());
const templateOf = (...app: Parameters<typeof newApp>) => {
  const made = newApp(...app);
  return Template.fromStack(new StripePipelineStack(made, readSettings(made.node.getAllContext()))).toJSON();
};

describe.each(settingNames)('%s', (name) => {
  const [inFile, onCommandLine] = given[name];
  const beside = {
    environment: 'staging',
    ...(name === 'retiredEventSourceName' && { secondEventSourceName: given.secondEventSourceName[0] }),
  };
  const written = settingsOf({ ...beside, [name]: inFile });

  it('in the file is a setting of its own accord, without any -c', () => {
    const { overrides, ...settings } = written;
    expect(overrides).toEqual([]);
    expect(settings).not.toEqual({ ...settingsOf(beside), overrides: undefined });
  });

  // No command line holds a structure, and `-c appName` chooses another file.
  if (onCommandLine === undefined || name === 'appName') return;
  it('on the command line means the same, and is told of, for the next deployment without it takes it back', () => {
    const { overrides, ...settings } = settingsOf(
      { ...beside, ...(name === 'stripeEventSourceName' && { [name]: eventSource }) },
      { [name]: onCommandLine },
    );
    expect(settings).toEqual({ ...written, overrides: undefined });
    expect(overrides).toEqual([expect.stringContaining(`-c ${name}=${onCommandLine}`)]);
    expect(overrides[0]).toContain('the next deployment without it takes it back');
  });
});

it('the template is made of the settings alone: the same from a file and from a command line', () => {
  const flags = settingNames.filter((name) => given[name][1] !== undefined && name !== 'appName');
  const file = Object.fromEntries(flags.map((name) => [name, given[name][0]]));
  const commandLine = Object.fromEntries(flags.map((name) => [name, given[name][1]]));
  const written = templateOf({ environment: 'staging', ...file });
  expect(templateOf({ environment: 'staging' }, commandLine)).toEqual(written);
  expect(templateOf({ environment: 'staging' })).not.toEqual(written);
});

it('nothing else reads the context', () => {
  const readers = globSync('{lib,bin}/**/*.ts', { cwd: root }).filter((file) =>
    /tryGetContext|getAllContext|getContext/.test(readFileSync(join(root, file), 'utf8')),
  );
  expect(readers).toEqual(['bin/app.ts']);
});

it('prod without its file is refused, whatever the command line says', () => {
  const nowhere = { environmentsFolder: join(folder, 'nowhere'), stripeEventSourceName: eventSource };
  expect(() => settingsOf({ environment: 'prod' }, nowhere)).toThrow(SettingsError);
  expect(() => settingsOf({ environment: 'prod' }, nowhere)).toThrow(/prod\.yaml is missing/);
});
