// Loaded before a node (`--import`): it reaches the others through the proxies of `link-routes.json` in its directory.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isMainThread } from 'node:worker_threads';

const { argv } = process;
const config = argv[argv.indexOf('--config') + 1];
if (isMainThread && argv[2] === 'node' && config) {
  const ways = JSON.parse(readFileSync(join(dirname(config), 'link-routes.json'), 'utf8'));
  writeFileSync(config, JSON.stringify({ ...JSON.parse(readFileSync(config, 'utf8')), ...ways }));
}
