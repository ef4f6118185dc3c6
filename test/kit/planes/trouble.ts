import { existsSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PlaneName } from '../../../src/planes/messages.js';
import type { TestNode } from '../test-node.js';
import { until } from '../until.js';

/** For the environment of a cluster's nodes: makes `blockPlane` and `throwInPlane` work. Nothing of it is in the build. */
export const TROUBLE = { NODE_OPTIONS: `--require "${join(import.meta.dirname, 'trouble.cjs')}"` };

/** Its event loop does not turn for this long; resolves when it has begun. */
export async function blockPlane(node: TestNode, plane: PlaneName, ms: number): Promise<void> {
  await make(node, plane, String(ms));
}

/** An error that nobody catches; resolves when it is thrown. */
export async function throwInPlane(node: TestNode, plane: PlaneName): Promise<void> {
  await make(node, plane, 'throw');
}

async function make({ name, directory }: TestNode, plane: PlaneName, what: string): Promise<void> {
  // As trouble.cjs looks for it; whole when it is there.
  const file = join(directory, `trouble-for-${plane}`);
  await writeFile(`${file}.new`, what);
  await rename(`${file}.new`, file);
  await until(`the plane ${plane} of ${name} has its trouble`, () => !existsSync(file));
}
