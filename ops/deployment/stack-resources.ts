import { paginateListStackResources } from '@aws-sdk/client-cloudformation';
import type { Ops } from '../cli/ops.ts';

/** A part of the deployed stack, as CloudFormation keeps it: by its template's name and by its own. */
export interface StackResource {
  logicalId: string;
  /** `AWS::SNS::Topic` */
  type: string;
  /** What CloudFormation calls it: a name, an id or an ARN, each type in its own way. */
  physicalId: string;
}

/** Every resource of the stack. A resource that somebody deleted by hand is still listed: CloudFormation does not look. */
export async function stackResources({ aws, stackName }: Pick<Ops, 'aws' | 'stackName'>): Promise<StackResource[]> {
  const found: StackResource[] = [];
  const pages = paginateListStackResources({ client: aws.cloudformation }, { StackName: stackName });
  for await (const { StackResourceSummaries = [] } of pages) {
    for (const { LogicalResourceId, ResourceType, PhysicalResourceId } of StackResourceSummaries) {
      if (ResourceType && PhysicalResourceId)
        found.push({ logicalId: LogicalResourceId ?? '', type: ResourceType, physicalId: PhysicalResourceId });
    }
  }
  return found;
}
