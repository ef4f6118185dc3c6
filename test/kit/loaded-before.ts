import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

/**
 * Environment of nodes, or of the demo that starts them, before which these modules of `test/kit/driven` are loaded.
 * @param given other options of Node.js, which stay
 */
export function loadedBefore(modules: readonly string[], given = ''): NodeJS.ProcessEnv {
  if (modules.length === 0) return {};
  const urls = modules.map((name) => pathToFileURL(resolve('test/kit/driven', name)).href);
  return { NODE_OPTIONS: [given, ...urls.map((url) => `--import ${url}`)].join(' ').trim() };
}
