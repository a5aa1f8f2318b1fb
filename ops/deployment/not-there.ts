/** What AWS's services call a thing that does not exist, each in its own words. */
const names = new Set([
  'ResourceNotFoundException',
  'QueueDoesNotExist',
  'AWS.SimpleQueueService.NonExistentQueue',
  'NoSuchBucket',
  'NoSuchKey',
  'NotFound',
  'NotFoundException',
]);

/** Whether AWS says that the thing asked for does not exist: deleted by hand, most often. */
export const isNotThere = (error: unknown): boolean => names.has((error as { name?: string }).name ?? '');

/** The answer, or null when the thing does not exist. Any other error is thrown on: it says nothing about the thing. */
export async function ifThere<Answer>(asked: Promise<Answer>): Promise<Answer | null> {
  try {
    return await asked;
  } catch (error) {
    if (isNotThere(error)) return null;
    throw error;
  }
}
