import { join } from 'node:path';
import { connectAws } from '../../ops/deployment/aws.ts';
import { customerObject } from '../../stripe-simulator/objects/subscription.ts';
import { startDeployment } from '../deploy/deployment.ts';
import { account, ministackVersion, region } from '../deploy/emulator.ts';
import { event } from '../support/stripe-samples.ts';
import type { Sandbox } from './sandbox.ts';

/** The acts on this machine: AWS by the emulator, Stripe by the simulator, Postgres real. */
export async function rehearsalSandbox(): Promise<Sandbox> {
  const deployment = await startDeployment();
  const { emulator, stripe, owner, ownerUrl, writerUrl } = deployment;
  const appName = 'sandbox-rehearsed';
  // The clients of this process read them as any AWS tool does.
  Object.assign(process.env, emulator.variables);
  const secrets = {
    STRIPE_SECRET_KEY: stripe.key,
    PIPELINE_STRIPE_SECRET_KEY: stripe.key,
    PIPELINE_DATABASE_URL: writerUrl,
    MIGRATION_DATABASE_URL: ownerUrl,
  };
  let source = '';
  let customers = 0;
  return {
    called: `MiniStack ${ministackVersion}, which is not AWS`,
    rehearsal: true,
    account,
    region,
    appName,
    aws: connectAws(region),
    owner,
    cdk: (args) => deployment.tryCdk([...args, '--output', join(deployment.folder, 'cdk.out')]),
    ops: (args) => deployment.ops(`${args} --app ${appName} --region ${region}`, secrets),
    async deployed(name) {
      source = name;
      for (const destination of stripe.destinations.values())
        destination.amazon_eventbridge.aws_event_source_status = 'active';
      stripe.onPing = (ping) => deployment.deliver(source, [ping]);
    },
    async makeCustomer() {
      customers += 1;
      const now = Math.floor(Date.now() / 1000);
      const object = customerObject(`cus_sandbox_${customers}`, 'sandbox', now);
      const created = event(`evt_customer_${customers}`, 'customer.created', now, object);
      await deployment.deliver(source, [created]);
    },
    stop: () => deployment.stop(),
  };
}
