import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import type { Asset } from 'aws-cdk-lib/aws-s3-assets';

/**
 * Which code is deployed: this package's version and twelve digits over what was bundled, `0.1.0+1f0c…`.
 *
 * It depends on the functions' bundles alone (code, catalogue and certificate), not on git or on the machine. So two
 * deployments with the same version run the same code, and `ops doctor` sees when what is deployed is not what lies here.
 */
export function codeVersionOf(functions: readonly LambdaFunction[]): string {
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8'));
  const hashes = functions.map((fn) => (fn.node.findChild('Code') as Asset).assetHash).sort();
  return `${version}+${createHash('sha256').update(hashes.join()).digest('hex').slice(0, 12)}`;
}
