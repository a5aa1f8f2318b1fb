import type { Catalogue } from '../core/plans/catalogue.ts';

/** Put in by the bundler (`lib/handler-code.ts`): the catalogue that was validated at synth. */
declare const BUNDLED_CATALOGUE: Catalogue;
/** Put in by the bundler: PEM of the certificate authority that Postgres must show, or null for Node's own list. */
declare const BUNDLED_DATABASE_CA: string | null;

export const catalogue: Catalogue = BUNDLED_CATALOGUE;
export const databaseCa: string | null = BUNDLED_DATABASE_CA;
