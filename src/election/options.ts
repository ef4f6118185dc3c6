/** Times and limits of elections. All nodes of a cluster use the same ones. */
export interface ElectionOptions {
  /** Name of this node. */
  readonly node: string;
  /** Of the disk that holds its log (rule C6). */
  readonly incarnation: string;
  /** Start number of this node (rule E5). */
  readonly boot: number;
  readonly heartbeatIntervalMs: number;
  /**
   * Shortest and longest election time-out. A replica that heard nothing from the primary for a random time between them
   * campaigns. A primary that heard no majority for the shortest one serves nobody.
   */
  readonly electionTimeoutMinMs: number;
  readonly electionTimeoutMaxMs: number;
  /** Random pause before the next try when nothing has to be waited for: the primary is known to be dead, or a vote was split. */
  readonly pauseMinMs: number;
  readonly pauseMaxMs: number;
  /** How far beyond all epochs that this node knows a vote may ask. */
  readonly epochJumpMax: number;
  /** A node whose server has this much less to apply than the elected one's opens sooner by seconds (rule E14). In groups. */
  readonly handOverLag: number;
}

export const ELECTION_DEFAULTS = {
  heartbeatIntervalMs: 200,
  // Five heartbeats may be lost or late. A machine whose cores are all busy delays them by some hundred milliseconds.
  electionTimeoutMinMs: 1000,
  electionTimeoutMaxMs: 1500,
  // Two replicas notice a dead process in the same millisecond. A vote takes two fsyncs and two round trips.
  pauseMinMs: 20,
  pauseMaxMs: 150,
  // One campaign needs a majority for its first round, so epochs grow slowly; `promote --force` jumps by 1000.
  epochJumpMax: 10_000,
  // A server applies some thousands of groups in a second.
  handOverLag: 10_000,
} as const;
