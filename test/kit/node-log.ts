import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClusterEvent } from '../../src/model/status.js';
import type { TestNode } from './test-node.js';

export const logOf = (node: TestNode) => readFile(join(node.directory, 'node.log'), 'utf8');

/** A mark for `eventsSince`. */
export const endOf = async (node: TestNode) => (await logOf(node)).length;

/** Events of one kind that this node's log got since the mark. */
export async function eventsSince(
  node: TestNode,
  name: string,
  mark: number,
): Promise<ClusterEvent['data'][]> {
  const lines = (await logOf(node)).slice(mark).split('\n');
  return lines.filter((line) => line.includes(`"event":"${name}"`)).map((line) => JSON.parse(line));
}
