import { RemovalPolicy } from 'aws-cdk-lib';
import type { Settings } from './settings.ts';

/**
 * What happens to things that hold events or money's history when they leave the template.
 *
 * In prod they stay, unless the very deployment that created them fails: then they hold nothing yet, and would only stand
 * in the next attempt's way by their names. Elsewhere they go with the stack.
 */
export const removalPolicyOf = ({ environment }: Pick<Settings, 'environment'>): RemovalPolicy =>
  environment === 'prod' ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY;
