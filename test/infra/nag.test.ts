import { Validations } from 'aws-cdk-lib';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { CfnQueue } from 'aws-cdk-lib/aws-sqs';
import { AwsSolutionsChecks } from 'cdk-nag';
import { readSettings } from '../../lib/settings.ts';
import { StripePipelineStack } from '../../lib/stripe-pipeline-stack.ts';
import { deployments, newApp } from './synthesis.ts';

// What the other tests of the stack leave out.
process.env.CDK_VALIDATION = 'true';

const checked = (context: Record<string, unknown>) => {
  const app = newApp(context);
  Validations.of(app).addPlugins(new AwsSolutionsChecks());
  return { app, stack: new StripePipelineStack(app, readSettings(app.node.getAllContext())) };
};

it.each(deployments)('AWS’s checks for a solution find nothing that is not acknowledged (%s)', (_, context) => {
  expect(() => checked(context).app.synth()).not.toThrow();
});

it('AWS’s checks look at all that is in the stack', () => {
  const { app, stack } = checked({});
  new Bucket(stack, 'Careless');
  expect(() => app.synth()).toThrow(/AwsSolutions-S1'[\s\S]+AwsSolutions-S10'/);
});

it('CloudFormation’s own rules look at it, too', () => {
  const { app, stack } = checked({});
  new CfnQueue(stack, 'Careless', { messageRetentionPeriod: 5 });
  expect(() => app.synth()).toThrow(/MessageRetentionPeriod/);
});

it('every acknowledgement says why, in a sentence', () => {
  const { stack } = checked({ createKmsKey: 'true' });
  const acknowledged = stack.node
    .findAll()
    .flatMap(({ node }) => node.metadata)
    .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
    .flatMap(({ data }) => Object.entries(data as Record<string, string>));
  expect(acknowledged.length).toBeGreaterThan(5);
  for (const [id, reason] of acknowledged) expect([id, reason]).toEqual([id, expect.stringMatching(/^.{30,}\.$/)]);
});
