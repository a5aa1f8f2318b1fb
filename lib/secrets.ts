import { Validations } from 'aws-cdk-lib';
import type { Key } from 'aws-cdk-lib/aws-kms';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import { pipelineNames } from './names.ts';
import { removalPolicyOf } from './removal.ts';
import type { Settings } from './settings.ts';

/**
 * The one secret: `DATABASE_URL`, `STRIPE_SECRET_KEY`, `API_KEY`.
 *
 * The first two are empty until `npm run ops -- secrets` sets them. `API_KEY` is made up at creation, because an API
 * connection refuses an empty key and would stop the first deployment.
 *
 * Never change what generates it: CloudFormation would generate anew and overwrite the values that people set.
 */
export class PipelineSecret extends Secret {
  constructor(scope: Construct, id: string, { settings, key }: { settings: Settings; key?: Key | undefined }) {
    super(scope, id, {
      secretName: pipelineNames(settings).secret,
      description: `Database, Stripe and API credentials of the Stripe pipeline (${settings.environment})`,
      generateSecretString: {
        secretStringTemplate: JSON.stringify({ DATABASE_URL: '', STRIPE_SECRET_KEY: '' }),
        generateStringKey: 'API_KEY',
        excludePunctuation: true,
        passwordLength: 48,
      },
      ...(key && { encryptionKey: key }),
      removalPolicy: removalPolicyOf(settings),
    });
    Validations.of(this).acknowledge({
      id: 'AwsSolutions-SMG4',
      reason:
        'Supabase and Stripe issue these credentials and neither offers a rotation that Secrets Manager could call.',
    });
  }
}
