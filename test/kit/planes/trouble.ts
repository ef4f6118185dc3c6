import { existsSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestNode } from '../test-node.js';
import { until } from '../until.js';

/** Looked for by trouble.cjs, in the node's directory. */
const FILE = 'trouble-for-clients';

/** For the environment of a cluster's nodes: makes `blockClients` and `throwInClients` work. Nothing of it is in the build. */
export const TROUBLE = { NODE_OPTIONS: `--require "${join(import.meta.dirname, 'trouble.cjs')}"` };

/** Its event loop does not turn for this long; resolves when it has begun. */
export async function blockClients(node: TestNode, ms: number): Promise<void> {
  await make(node, String(ms));
}

/** An error that nobody catches; resolves when it is thrown. */
export async function throwInClients(node: TestNode): Promise<void> {
  await make(node, 'throw');
}

async function make({ name, directory }: TestNode, what: string): Promise<void> {
  const file = join(directory, FILE);
  // Whole when it is there.
  await writeFile(`${file}.new`, what);
  await rename(`${file}.new`, file);
  await until(`the client plane of ${name} has its trouble`, () => !existsSync(file));
}
