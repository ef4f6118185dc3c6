import type { NodeParts } from '../role-node.js';

/** A node without a chain and without a contact was the first of its cluster, and has lost its chain (rule E5). */
export function lostChain({ config, chainFile }: NodeParts): string | null {
  if (chainFile.chain.length > 0 || config.contact !== null) return null;
  return (
    'state/chain.json, which has the members of the cluster and the beginning of each epoch, is missing, and there is no ' +
    '"contact" in the configuration. The node stays closed, because an epoch number could be used twice. ' +
    `Restore the state directory of ${config.name}: chain.json is the same on all nodes of the cluster.`
  );
}
