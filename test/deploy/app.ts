import { writeFileSync } from 'node:fs';
import { App, AspectPriority, Aspects } from 'aws-cdk-lib';
import { readSettings } from '../../lib/settings.ts';
import { StripePipelineStack } from '../../lib/stripe-pipeline-stack.ts';
import { EmulatorLimits } from './emulator-limits.ts';

/** The CDK app of `npm run test:deploy`: the same stack as bin/app.ts, less what the emulator cannot create. */
const app = new App();
const limits = new EmulatorLimits();
Aspects.of(app).add(limits, { priority: AspectPriority.READONLY });
new StripePipelineStack(app, readSettings(app.node.getAllContext()));
app.synth();
const report = process.env.EMULATOR_LIMITS_REPORT;
if (report) writeFileSync(report, JSON.stringify(limits.taken, null, 2));
