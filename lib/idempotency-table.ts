import { Validations } from 'aws-cdk-lib';
import { AttributeType, BillingMode, Table, TableEncryption } from 'aws-cdk-lib/aws-dynamodb';
import type { Key } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import { pipelineNames } from './names.ts';
import { removalPolicyOf } from './removal.ts';
import type { Settings } from './settings.ts';

/** Which events are in work or done; attribute names are Powertools' defaults. Postgres is the second, unconditional guard. */
export class IdempotencyTable extends Table {
  constructor(scope: Construct, id: string, { settings, key }: { settings: Settings; key?: Key | undefined }) {
    const isProd = settings.environment === 'prod';
    super(scope, id, {
      tableName: pipelineNames(settings).table,
      partitionKey: { name: 'id', type: AttributeType.STRING },
      timeToLiveAttribute: 'expiration',
      billingMode: BillingMode.PAY_PER_REQUEST,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: isProd },
      ...(key ? { encryption: TableEncryption.CUSTOMER_MANAGED, encryptionKey: key } : {}),
      removalPolicy: removalPolicyOf(settings),
    });
    if (!isProd) {
      Validations.of(this).acknowledge({
        id: 'AwsSolutions-DDB3',
        reason: 'Outside prod the table can be lost: the ledger in Postgres stops every duplicate by itself.',
      });
    }
  }
}
