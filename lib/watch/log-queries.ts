import { QueryDefinition, QueryString } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { WatchedPipeline } from '../watched-pipeline.ts';
import { savedQueries, textOf } from './saved-queries.ts';

/** Where the console shows them. */
export const queryFolder = ({ settings }: WatchedPipeline): string =>
  `${settings.appName}-stripe-${settings.environment}`;

/** The saved queries, in a folder of their own in Logs Insights. */
export class LogQueries extends Construct {
  constructor(scope: Construct, id: string, pipeline: WatchedPipeline) {
    super(scope, id);
    const workers = pipeline.workers.filter(({ name }) => name !== 'audit').map(({ logGroup }) => logGroup);
    const all = [...pipeline.workers.map(({ logGroup }) => logGroup), pipeline.reconcile.logGroup];
    for (const query of savedQueries) {
      const { name, of } = query;
      new QueryDefinition(this, name, {
        queryDefinitionName: `${queryFolder(pipeline)}/${name}`,
        queryString: new WholeQuery(textOf(query)),
        logGroups: of === 'workers' ? workers : all,
      });
    }
  }
}

/** A query as it is written. The CDK's own class sorts the commands by kind, and some of ours mean something else in that order. */
class WholeQuery extends QueryString {
  readonly #text: string;

  constructor(text: string) {
    super();
    this.#text = text;
  }

  override toString(): string {
    return this.#text;
  }
}
