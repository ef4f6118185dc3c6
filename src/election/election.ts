/**
 * The role that a node must take. `primary` names the node to follow; null = not known yet. `epoch`: for which the primary was
 * elected; absent = it is fixed, or not known.
 */
export type Assignment =
  | { readonly kind: 'primary'; readonly epoch?: number }
  | { readonly kind: 'replica'; readonly primary: string | null; readonly epoch?: number };

/** Decides which node is the primary. A node obeys its election without a check of its own. */
export interface Election {
  /**
   * The role of this node. The first call resolves with the role at the node's start, each later call when the role has
   * changed. Rejects with the signal's reason.
   */
  next(signal: AbortSignal): Promise<Assignment>;
  /**
   * The number of the epoch that this node begins as primary. It is larger than `known` and was never given to any node
   * before, not even for an epoch without transactions. Resolves when the number is on the disk.
   */
  newEpoch(known: number): Promise<number>;
}
