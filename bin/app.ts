import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { readSettings, SettingsError } from '../lib/settings.ts';
import { StripePipelineStack } from '../lib/stripe-pipeline-stack.ts';

try {
  // Synthesised below and nowhere else: by itself an App also writes an assembly when the settings are wrong.
  const app = new App({ autoSynth: false });
  Validations.of(app).addPlugins(new AwsSolutionsChecks());
  new StripePipelineStack(app, readSettings(app.node.getAllContext()));
  app.synth();
} catch (error) {
  if (!(error instanceof SettingsError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
