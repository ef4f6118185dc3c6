import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClusterEvent } from '../../src/model/status.js';
import type { TestNode } from './test-node.js';

/** Whole lines: the node may be writing the last one. */
export async function logOf(node: TestNode): Promise<string> {
  const text = await readFile(join(node.directory, 'node.log'), 'utf8');
  return text.slice(0, text.lastIndexOf('\n') + 1);
}

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

/** What each of these nodes says last that its orderly stop waits for. */
export async function stopWaits(nodes: readonly TestNode[]): Promise<string[]> {
  const logs = await Promise.all(nodes.map((node) => logOf(node).catch(() => '')));
  return logs.flatMap((log) =>
    log
      .split('\n')
      .filter((line) => line.includes('the node still stops'))
      .slice(-1),
  );
}
