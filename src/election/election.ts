/** What a node is to be. `primary` names the node to follow; null = it is not known yet. */
export type Assignment =
  | { readonly kind: 'primary' }
  | { readonly kind: 'replica'; readonly primary: string | null };

/** Decides which node is the primary. A node carries out what its election says, whatever that is. */
export interface Election {
  /**
   * What this node is: the first call resolves with what it is at its start, each later one when that has changed.
   * Rejects with the signal's reason.
   */
  next(signal: AbortSignal): Promise<Assignment>;
  /**
   * The number of the epoch that this node begins as primary: larger than `known`, and never given to any node before,
   * also when no transaction was ever written in it. Resolves when that is certain, on the disk.
   */
  newEpoch(known: number): Promise<number>;
}
