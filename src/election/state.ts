import type { Chain, ChainEntry, ChainPlace } from '../model/chain.js';
import type { ElectionMessage, LogPosition, Offer, Refusal, Standing } from '../model/election-messages.js';
import type { MemberList } from '../model/members.js';
import type { Position } from '../model/position.js';
import type { VotePromise } from './promise.js';

/**
 * The state of one node's election, what may happen to it, and what it wants done.
 *
 *              time-out, or primary dead          majority of pre-votes            majority of votes
 *   follower --------------------------> preCandidate -------------> candidate -------------------> leader
 *      ^  ^                                  |   |                    ^  |                             |
 *      |  '-------- refused, time-out -------'   |      timeoutNow    |  |                             |
 *      |                                         '--------------------+--+-- newer promise or primary -+
 *      '------------------------------------------------------------------------------------------------
 *
 *   leader:  begin (entry is being written) -> gather (a majority must adopt it) -> lead
 *            isSuspended: no majority answers; isServing: the server may be open for clients
 */

/** What the driver reads at the moment of an event. */
export interface Moment {
  /** Monotonic. */
  readonly nowMs: number;
  /** The last group of this node's log that is on the disk. */
  readonly log: Position;
  /** Ordinal up to which the local server has executed. */
  readonly applied: number;
  /** 0 <= random < 1, another one at each event. */
  readonly random: number;
  /** Random text, another one at each event: the name of a campaign that begins now. */
  readonly token: string;
}

export interface Answer {
  /** Null = yes. */
  readonly refusal: Refusal | null;
  readonly incarnation: string;
}

export interface Follower {
  readonly kind: 'follower';
  /** The primary of the promised epoch; null = none is known. */
  readonly leader: {
    readonly name: string;
    readonly campaign: string;
    /** Last heartbeat; null = its link was closed since then. */
    readonly heardAtMs: number | null;
  } | null;
}

export interface PreCandidate {
  readonly kind: 'preCandidate';
  readonly epoch: number;
  readonly answers: ReadonlyMap<string, Answer>;
  readonly askedAtMs: number;
}

export interface Candidate {
  readonly kind: 'candidate';
  readonly epoch: number;
  readonly campaign: string;
  readonly transfer: boolean;
  /** An operator wants it without the votes of a majority, see force.ts. */
  readonly isForced: boolean;
  /** End of this node's log, read after writes under way had ended (rule E13); null = not yet. */
  readonly position: LogPosition | null;
  readonly answers: ReadonlyMap<string, Answer>;
  readonly askedAtMs: number;
}

/** `drain`: writes end; `catchUp`: the target gets the rest; `sent`: it was told to campaign. */
export interface Transfer {
  readonly stage: 'drain' | 'catchUp' | 'sent';
  /** This node itself: it begins another epoch, in which its server may be started again. */
  readonly to: string;
  readonly reason: string;
  /** Ordinal that the target must have; null = the log still grows. */
  readonly end: number | null;
  readonly untilMs: number;
}

export interface Leader {
  readonly kind: 'leader';
  readonly epoch: number;
  readonly campaign: string;
  readonly stage: 'begin' | 'gather' | 'lead';
  /** The newest entry of the chain is on this node's disk. */
  readonly isWritten: boolean;
  /** What other members have adopted, by this epoch's links. Only of the incarnation that the list names. */
  readonly adopted: ReadonlyMap<string, ChainPlace>;
  /** Heartbeats of the last time-out, oldest first. */
  readonly beats: readonly { readonly number: number; readonly sentAtMs: number }[];
  /** Per member: when the newest heartbeat that it answered was sent (rule E11). */
  readonly contacts: ReadonlyMap<string, number>;
  readonly isSuspended: boolean;
  readonly isServing: boolean;
  /** In this epoch: its log may hold more than was sent, so it is drained before another node takes over. */
  readonly hasServed: boolean;
  /** The primary before asked for this election. */
  readonly byTransfer: boolean;
  readonly electedAtMs: number;
  /** Since when it leads without serving clients; without meaning while it serves. */
  readonly idleSinceMs: number;
  readonly transfer: Transfer | null;
  /** After a transfer that failed the next one waits until then, unless an operator wants it. */
  readonly noTransferUntilMs: number;
}

export type ElectionRole = Follower | PreCandidate | Candidate | Leader;

/** A promise on its way to the disk. One at a time; what comes meanwhile is dropped, and is sent again by its sender. */
export interface PromiseTask {
  readonly stage: 'settle' | 'keep';
  readonly epoch: number;
  /** The promise that is on the disk until then. */
  readonly keptEpoch: number;
  readonly purpose:
    | {
        readonly kind: 'vote';
        readonly from: string;
        readonly campaign: string;
        readonly position: LogPosition;
        readonly refusal: Refusal | null;
      }
    | { readonly kind: 'campaign' }
    /** Another node has begun a newer timeline. */
    | { readonly kind: 'yield' }
    | { readonly kind: 'follow'; readonly leader: string; readonly campaign: string };
}

export interface Fitness extends Omit<Offer, 'applied'> {
  /** Why this node neither votes nor campaigns (rule C6), a whole sentence; null = it does. */
  readonly abstains: string | null;
}

/** What was last heard of another member. */
export interface PeerView {
  readonly standing: Standing;
  readonly offer: Offer | null;
  /** -Infinity = before this node's start. */
  readonly heardAtMs: number;
  /** It answered at that time that it hears a primary. */
  readonly hearsPrimary?: boolean;
}

export interface ElectionState {
  /** As on this node's disk or on its way there, with entries that its log has not reached. */
  readonly chain: Chain;
  /** The one that is on the disk. */
  readonly keptChain: Chain;
  /** As on the disk, or on its way there while there is a task. */
  readonly promise: VotePromise;
  readonly task: PromiseTask | null;
  readonly role: ElectionRole;
  readonly fitness: Fitness;
  /** Why this node abstains until its next start, whatever its fitness; null = it does not (rule H2). */
  readonly setBack: string | null;
  readonly peers: ReadonlyMap<string, PeerView>;
  /** The highest epoch that anybody has told of. */
  readonly seenEpoch: number;
  /** When this node campaigns, or begins its campaign anew. */
  readonly electionAtMs: number;
  /** Campaigns since a primary was heard or a vote given. */
  readonly tries: number;
  readonly tickAtMs: number;
  /** The member that has said that this node was removed; null = none has, or a primary was heard since. */
  readonly removedBy: string | null;
}

export type ElectionEvent =
  | { readonly kind: 'tick' }
  | { readonly kind: 'message'; readonly from: string; readonly message: ElectionMessage }
  /** Links and sources of epochs below `epoch` have ended, and no write of log or chain is under way. */
  | { readonly kind: 'logSettled'; readonly epoch: number }
  /** The promise is on the disk. */
  | { readonly kind: 'promiseKept'; readonly epoch: number }
  /** The chain of an effect `writeChain` is on the disk. */
  | { readonly kind: 'chainWritten'; readonly chain: Chain }
  /** The primary that this node follows has sent a chain: the log was cut to it, and then it was written. */
  | { readonly kind: 'chainFollowed'; readonly chain: Chain }
  /** A member's log has reached an entry; said on a link of this node's epoch. */
  | {
      readonly kind: 'adopted';
      readonly from: string;
      readonly incarnation: string;
      readonly epoch: number;
      readonly place: ChainPlace;
    }
  /** `isRefused`: dialling it again was refused too, so the process is gone. */
  | { readonly kind: 'linkClosed'; readonly peer: string; readonly isRefused: boolean }
  | { readonly kind: 'fitness'; readonly fitness: Fitness }
  /** An operator wants this node to be the primary although no majority can elect it. */
  | { readonly kind: 'force'; readonly withShorterLog: boolean }
  /** An operator wants another primary; null = the fittest. */
  | { readonly kind: 'transfer'; readonly to: string | null }
  /**
   * After `drain`: the log of this epoch ends here, and everything up to it was sent. Null: writes under way did not end in
   * time, so the server may not be handed over.
   */
  | { readonly kind: 'drained'; readonly ordinal: number | null }
  /** `end`: of everything that was appended or sent, durable or not. */
  | { readonly kind: 'changeMembers'; readonly members: MemberList; readonly end: Position };

export type ElectionEffect =
  | { readonly kind: 'send'; readonly to: string; readonly message: ElectionMessage }
  /**
   * End all links and the source of epochs below `epoch`, drop their unsent acknowledgements, let writes of the log and the
   * chain end, then `logSettled` (rule E13).
   */
  | { readonly kind: 'settleLog'; readonly epoch: number }
  /** Fsync, then `promiseKept`. If that fails, the process ends. */
  | { readonly kind: 'keepPromise'; readonly promise: VotePromise }
  /** Fsync, then `chainWritten`. If that fails, the process ends. */
  | { readonly kind: 'writeChain'; readonly chain: Chain }
  /** Attach to this primary: its link brings the chain and the records of this epoch. */
  | { readonly kind: 'follow'; readonly leader: string; readonly epoch: number }
  /** Members may attach to this node as the primary of the epoch, and are fed. Nothing is committed yet. */
  | { readonly kind: 'feed'; readonly epoch: number }
  /** The beginning is on a majority: what was durable then is committed, and the gate follows the commit position. */
  | { readonly kind: 'lead'; readonly epoch: number }
  /** The server may be opened for clients. */
  | { readonly kind: 'serve'; readonly epoch: number }
  /** No majority answers: ports are closed. The server lives, nothing is given up. */
  | { readonly kind: 'suspend'; readonly reason: string }
  | { readonly kind: 'resume' }
  /** Refuse new writes, finish those under way, feed what the dead server's files hold; then `drained`. */
  | { readonly kind: 'drain'; readonly to: string; readonly reason: string }
  /** The transfer has failed: writes are taken again. */
  | { readonly kind: 'undrain'; readonly reason: string }
  /** This node is primary no more: fence, ports first (rule C1). */
  | { readonly kind: 'stepDown'; readonly epoch: number; readonly reason: string }
  /** Tell attached members of this entry, in order with the records. */
  | { readonly kind: 'announce'; readonly entry: ChainEntry; readonly isSettled: boolean }
  /** The request of an operator or of the driver was refused. */
  | { readonly kind: 'refused'; readonly code: string; readonly reason: string }
  /** Why something was done or not done, for people. */
  | { readonly kind: 'said'; readonly text: string };

export interface ElectionStep {
  readonly state: ElectionState;
  readonly effects: readonly ElectionEffect[];
}
