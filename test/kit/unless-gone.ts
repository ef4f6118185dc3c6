/**
 * Null when the file is no longer there. A running node renames and removes its files at any moment, also between the
 * listing of a directory and the reading of what it named.
 */
export async function unlessGone<T>(reading: Promise<T>): Promise<T | null> {
  return reading.catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
}
