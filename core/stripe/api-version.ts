/** The API version that our event destination is created with, and that every sample and test is shaped after. */
export const pinnedApiVersion = '2026-10-28.endive';

/**
 * Whether an event's API version is one that this code was tested with: any up to the pinned one.
 *
 * Older ones are read in their own shape. A newer one may have moved a field: it is still read, but somebody should look.
 * @see https://docs.stripe.com/api/versioning
 */
export function isKnownApiVersion(version: string | null | undefined): boolean {
  if (!version || !/^\d{4}-\d{2}-\d{2}(\.\w+)?$/.test(version)) return false;
  return version.slice(0, 10) <= pinnedApiVersion.slice(0, 10);
}
