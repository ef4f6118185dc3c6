/** How a machine becomes a member. Pure. */
import type { ClusterStatus, NewJoinToken } from '../../../client/src/index.js';

export type Joiner = 'server' | 'witness';

/** The line to run on the machine that joins. */
export function joinCommand({ address, token }: NewJoinToken, joiner: Joiner): string {
  return `skein join ${address} --token ${token}${joiner === 'witness' ? ' --witness' : ''}`;
}

const LOOPBACK = /^https?:\/\/(?:127\.|localhost[:/]|\[::1\])/;

/** A cluster whose nodes listen on this machine only cannot be reached from another one. Null: it can. */
export function localNotice({ address }: NewJoinToken): string | null {
  return LOOPBACK.test(address)
    ? 'The nodes of this cluster listen on their own machine only, so a machine elsewhere cannot join. On this machine the line works; a local cluster also grows by its start: npm start -- --replicas 3.'
    : null;
}

/** Members that have come since. */
export function newcomers(before: readonly string[], { members }: ClusterStatus): readonly string[] {
  return members.map(({ name }) => name).filter((name) => !before.includes(name));
}

/** What the removal of a member means for the quorum. */
export function removalText({ members }: ClusterStatus, name: string): string {
  const voters = members.filter(({ voter }) => voter);
  if (!voters.some((member) => member.name === name))
    return 'It does not count in the quorum, so nothing else changes.';
  const left = voters.length - 1;
  const spare = Math.floor((left - 1) / 2);
  const loss =
    spare === 0
      ? 'Then the loss of one of them stops writes'
      : `Then ${spare === 1 ? 'one of them' : `${spare} of them`} may fail`;
  return left === 1
    ? 'Then one voter is left: no other node has a copy that counts.'
    : `Then ${left} voters are left. ${loss}.`;
}
