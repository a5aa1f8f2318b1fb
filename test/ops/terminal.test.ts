import { join } from 'node:path';
import { processTerminal } from '../../ops/cli/terminal.ts';
import { localDeployment } from '../../ops/deployment/local-deployment.ts';

describe('where nobody can be asked', () => {
  it('stops waiting on Ctrl-C, and cancels what it started', async () => {
    const reporter = processTerminal().progress();
    try {
      const waited = reporter.wait(60_000);
      process.emit('SIGINT');
      expect(await waited).toBe(true);
      expect(await reporter.ask()).toBe('cancel');
      expect(await reporter.wait(1)).toBe(false);
    } finally {
      reporter.done();
    }
  });

  it('notices a Ctrl-C that came while it was busy', async () => {
    const reporter = processTerminal().progress();
    try {
      process.emit('SIGTERM');
      expect(await reporter.wait(60_000)).toBe(true);
    } finally {
      reporter.done();
    }
  });

  it('lets Ctrl-C through again once it is done', () => {
    const before = process.listenerCount('SIGINT');
    processTerminal().progress().done();
    expect(process.listenerCount('SIGINT')).toBe(before);
  });
});

/** Settings files of the tests' own. */
const environmentsFolder = join(import.meta.dirname, '../infra/environments');

describe('the version of the code that lies here', () => {
  const settings = {
    stripeEventSourceName: 'aws.partner/stripe.com/ed_test_1',
    environment: 'dev',
    appName: 'huntaze',
    environmentsFolder,
  };

  it('is the same for every deployment of the same code', async () => {
    const [dev, prod] = await Promise.all([
      localDeployment(settings),
      localDeployment({ ...settings, environment: 'prod' }),
    ]);
    expect(dev.codeVersion).toMatch(/^\d+\.\d+\.\d+\+[0-9a-f]{12}$/);
    expect(prod.codeVersion).toBe(dev.codeVersion);
    expect([dev.settings.environment, prod.settings.environment]).toEqual(['dev', 'prod']);
    // Two syntheses at once, on a machine that may be busy with other tests.
  }, 120_000);

  it('says why when what lies here cannot be synthesised', async () => {
    const prod = { ...settings, environment: 'prod', databaseCaFile: '/nowhere.pem' };
    await expect(localDeployment(prod)).rejects.toMatchObject({
      message: expect.stringMatching(/cannot be synthesised[\s\S]*nowhere\.pem/),
      // Without the environment it would be dev's file that passes.
      fix: 'Repair it until `npx cdk synth -c environment=prod` passes.',
    });
  }, 120_000);
});
