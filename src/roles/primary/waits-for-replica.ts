/**
 * After a power cut a node with a server may be this much slower to start than a witness. Waiting costs nothing else: the cluster
 * has lost both servers at once.
 */
const SERVER_WAIT_MS = 10_000;

/**
 * Whether a server that crashed as the primary stays closed as long as no other server can be asked for its definitions. Without
 * a witness there is no quorum meanwhile anyway. With one, the other node may be away for long: then this one serves at last.
 * `needed`: acknowledgements of replicas that a write needs.
 */
export function waitsForReplica(
  { needed, hasWitness }: { readonly needed: number; readonly hasWitness: boolean },
  waitedMs: number,
): boolean {
  return needed > 0 && (!hasWitness || waitedMs < SERVER_WAIT_MS);
}
