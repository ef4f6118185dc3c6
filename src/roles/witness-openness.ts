import type { Openness } from '../api/node-view.js';

/** What clients of a witness are told, in any role. */
export function witnessOpenness(node: string): Openness {
  const reason = `${node} is a witness: it keeps the log and votes, and has no database server. Use a node with a server.`;
  return { open: false, code: 'WITNESS', reason };
}
