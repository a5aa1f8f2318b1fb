import { writeFileSync } from 'node:fs';
import { App, AspectPriority, Aspects } from 'aws-cdk-lib';
import { CfnFunction } from 'aws-cdk-lib/aws-lambda';
import { readSettings } from '../../lib/settings.ts';
import { StripePipelineStack } from '../../lib/stripe-pipeline-stack.ts';
import { EmulatorLimits } from './emulator-limits.ts';

/** The CDK app of `npm run test:deploy`: the same stack as bin/app.ts, less what the emulator cannot create. */
const app = new App();
const limits = new EmulatorLimits();
Aspects.of(app).add(limits, { priority: AspectPriority.READONLY });
const stack = new StripePipelineStack(app, readSettings(app.node.getAllContext()));
// Nobody waits a minute for each event that a test audits. Not by a setting: doctor compares those with the ones that lie here.
for (const fn of stack.node.findAll().filter((one) => one instanceof CfnFunction))
  if (fn.functionName?.includes('-audit-')) fn.addPropertyOverride('Environment.Variables.AUDIT_DRAIN_SECONDS', '5');
app.synth();
const report = process.env.EMULATOR_LIMITS_REPORT;
if (report) writeFileSync(report, JSON.stringify(limits.taken, null, 2));
