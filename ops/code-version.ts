import { Refusal } from './refusal.ts';

/**
 * The version of the code that lies here, as the stack would tell it: made by synthesising the stack in this process.
 *
 * It depends on code, catalogue and certificate alone, so the other settings are those of the deployed stack.
 * @throws {Refusal} when what lies here cannot be synthesised.
 */
export async function localCodeVersion(settings: { stripeEventSourceName: string; environment: string; appName: string; databaseCaFile?: string }): Promise<string> {
  // Loaded here: the CDK takes a second, which no other verb should pay.
  const [{ App }, { readSettings }, { StripePipelineStack }] = await Promise.all([
    import('aws-cdk-lib'),
    import('../lib/settings.ts'),
    import('../lib/stripe-pipeline-stack.ts'),
  ]);
  try {
    const app = new App({ context: settings, analyticsReporting: false });
    const stack = new StripePipelineStack(app, readSettings(app.node));
    const template = app.synth().getStackByName(stack.stackName).template as { Outputs: Record<string, { Value: string }> };
    return template.Outputs['CodeVersion']!.Value;
  } catch (cause) {
    throw new Refusal('not_synthesisable', `What lies here cannot be synthesised: ${(cause as Error).message}`, 'Mend it until `npx cdk synth` passes.', { cause });
  }
}
