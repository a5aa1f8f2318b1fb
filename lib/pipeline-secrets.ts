import { Validations } from 'aws-cdk-lib';
import type { Key } from 'aws-cdk-lib/aws-kms';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import { pipelineNames } from './names.ts';
import { removalPolicyOf } from './removal.ts';
import type { Settings } from './settings.ts';

interface SecretProps {
  readonly settings: Settings;
  readonly key?: Key | undefined;
}

/**
 * What the functions read: `DATABASE_URL`, `STRIPE_SECRET_KEY`; empty until `npm run ops -- secrets` sets them.
 *
 * Never change what generates it: CloudFormation would generate anew and overwrite the values that people set.
 */
export class PipelineSecret extends Secret {
  constructor(scope: Construct, id: string, { settings, key }: SecretProps) {
    super(scope, id, {
      secretName: pipelineNames(settings).secret,
      description: `Database and Stripe credentials of the Stripe pipeline (${settings.environment})`,
      // Generated, though nobody reads what is: a text that stands in the template could be written over what people set.
      generateSecretString: {
        secretStringTemplate: JSON.stringify({ DATABASE_URL: '', STRIPE_SECRET_KEY: '' }),
        generateStringKey: 'NOT_USED',
        excludePunctuation: true,
        passwordLength: 48,
      },
      ...(key && { encryptionKey: key }),
      removalPolicy: removalPolicyOf(settings),
    });
    acknowledgeNoRotation(this);
  }
}

/**
 * `API_KEY`, which plan events are posted with. A secret of its own, since no function needs it: only the API connection and `ops secrets`
 * read it. Made up at creation, because a connection refuses an empty key and would stop the first deployment.
 */
export class ApiKeySecret extends Secret {
  constructor(scope: Construct, id: string, { settings, key }: SecretProps) {
    super(scope, id, {
      secretName: pipelineNames(settings).apiKeySecret,
      description: `The key that plan events are posted with (${settings.appName}, ${settings.environment})`,
      generateSecretString: {
        secretStringTemplate: '{}',
        generateStringKey: 'API_KEY',
        excludePunctuation: true,
        passwordLength: 48,
      },
      ...(key && { encryptionKey: key }),
      removalPolicy: removalPolicyOf(settings),
    });
    acknowledgeNoRotation(this);
  }
}

function acknowledgeNoRotation(secret: Secret): void {
  Validations.of(secret).acknowledge({
    id: 'AwsSolutions-SMG4',
    reason:
      'Supabase, Stripe and the API issue or check these credentials, and none offers a rotation that Secrets Manager could call.',
  });
}
