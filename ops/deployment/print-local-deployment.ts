import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { readSettings } from '../../lib/settings.ts';
import { StripePipelineStack } from '../../lib/stripe-pipeline-stack.ts';

/** Run by ops/deployment/local-deployment.ts: prints what a stack would say of itself, with the settings of the first argument. */
const outdir = mkdtempSync(join(tmpdir(), 'stripe-eventbridge-synth-'));
try {
  const app = new App({
    context: JSON.parse(process.argv[2] ?? '{}') as Record<string, string>,
    outdir,
    analyticsReporting: false,
  });
  const stack = new StripePipelineStack(app, readSettings(app.node.getAllContext()));
  const { Outputs } = app.synth().getStackByName(stack.stackName).template as {
    Outputs: Record<string, { Value: string }>;
  };
  const settings = JSON.parse(Outputs.Settings!.Value) as Record<string, unknown>;
  console.log(JSON.stringify({ codeVersion: Outputs.CodeVersion!.Value, settings }));
} finally {
  rmSync(outdir, { recursive: true, force: true });
}
