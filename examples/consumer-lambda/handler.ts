import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { readPlanEvent } from 'stripe-plan-events';

const dynamodb = new DynamoDBClient();

/**
 * A rule on the app bus calls it with each plan event, in any order and perhaps twice: the condition keeps the newest plan of each user.
 * What it throws, Lambda tries again.
 */
export async function handler(event: unknown): Promise<'kept' | 'older than what is kept'> {
  const { user_id, version, plan } = readPlanEvent(event);
  try {
    await dynamodb.send(
      new PutItemCommand({
        TableName: process.env.PLANS_TABLE,
        Item: { user_id: { S: user_id }, version: { N: String(version) }, plan: { S: JSON.stringify(plan) } },
        ConditionExpression: 'attribute_not_exists(user_id) OR version < :version',
        ExpressionAttributeValues: { ':version': { N: String(version) } },
      }),
    );
    return 'kept';
  } catch (error) {
    if ((error as Error).name === 'ConditionalCheckFailedException') return 'older than what is kept';
    throw error;
  }
}
