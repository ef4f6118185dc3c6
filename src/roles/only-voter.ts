import { countedLists } from '../model/chain.js';
import type { NodeParts } from './role-node.js';

/** Whether nobody else votes, in any of the lists that count. */
export function isOnlyVoter({ chainFile, config }: Pick<NodeParts, 'chainFile' | 'config'>): boolean {
  const lists = countedLists(chainFile.chain);
  return lists.length > 0 && lists.every((voters) => voters.length === 1 && voters[0] === config.name);
}
