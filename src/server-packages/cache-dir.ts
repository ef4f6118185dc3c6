import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { SkeinError } from '../model/error.js';
import { isUsableDirectory } from '../std/files.js';
import { canReach, preferredRunUser } from '../std/run-user.js';

export interface CacheDirOptions {
  /** Where `.skein-cache` goes when the home directory cannot be used. */
  readonly projectDir: string;
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * Where obtained servers and data directory templates are kept: SKEIN_CACHE, else $XDG_CACHE_HOME/skein, else
 * ~/.cache/skein, else `<project>/.skein-cache`. What was named by SKEIN_CACHE is used or is an error. Of the others
 * the first that can be written is taken; root prefers one that its unprivileged server user can enter.
 * @throws SkeinError CACHE_NOT_WRITABLE
 */
export async function chooseCacheDir(options: CacheDirOptions): Promise<string> {
  const env = options.env ?? process.env;
  if (env.SKEIN_CACHE) {
    const named = resolve(env.SKEIN_CACHE);
    if (await isUsableDirectory(named)) return named;
    throw new SkeinError(
      'CACHE_NOT_WRITABLE',
      `SKEIN_CACHE is ${named}, but files cannot be created there. Name a directory that this user can write.`,
    );
  }
  const candidates = [
    ...(env.XDG_CACHE_HOME ? [join(env.XDG_CACHE_HOME, 'skein')] : []),
    join(env.HOME || homedir(), '.cache', 'skein'),
    join(options.projectDir, '.skein-cache'),
  ].map((path) => resolve(path));
  const user = await preferredRunUser();
  const usable: string[] = [];
  for (const path of candidates) {
    if (!(await isUsableDirectory(path))) continue;
    if (await canReach(user, path)) return path;
    usable.push(path);
  }
  if (usable[0] !== undefined) return usable[0];
  throw new SkeinError(
    'CACHE_NOT_WRITABLE',
    `Skein needs a directory for the database server that it fetches, and can write none of ${candidates.join(', ')}. Set SKEIN_CACHE to a directory that this user can write.`,
  );
}
