import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The directory that holds `dist/` and package.json: the build puts this module into `dist/chunks/`. */
export const installationDirectory = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Skein's version, as package.json says. */
export function installedVersion(): string {
  const text = readFileSync(join(installationDirectory, 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** The page's files that come with Skein. */
export const consoleFilesDirectory = join(installationDirectory, 'dist', 'console');

/** What `skein demo` starts for each node. */
export const mainScript = join(installationDirectory, 'dist', 'main.js');
