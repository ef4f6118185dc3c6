import type { ChainPlace } from './chain.js';

/**
 * What nodes say to each other about elections, over the links that every voter keeps to every other. A message may be
 * lost, come twice, or come late: each says which epoch, and which round of it, it belongs to.
 */

/**
 * Where a log ends, as votes compare it: the newest chain entry that the log has reached, then the ordinal. A change of the
 * members is an entry too, so there is no second criterion (rule E6).
 */
export interface LogPosition extends ChainPlace {
  readonly ordinal: number;
}

/** What a node says of itself with every answer. Peers compare it with what they have seen of it before (rule E5). */
export interface Standing {
  readonly incarnation: string;
  readonly boot: number;
  readonly promisedEpoch: number;
  readonly position: LogPosition;
  /** It neither votes nor campaigns (rule C6). */
  readonly abstains: boolean;
}

/** `last`: it can serve clients, but only if nobody else can: its server crashed as the primary (rule E10). */
export const SERVES = ['yes', 'last', 'no'] as const;
export type Serves = (typeof SERVES)[number];

/** What speaks for and against a node as the primary. It never decides who may campaign (rule E14). */
export interface Offer {
  /** `no`: a witness, or a node whose server is down or is being replaced. */
  readonly serves: Serves;
  readonly maintenance: boolean;
  /** The larger, the better. */
  readonly priority: number;
  /** Ordinal up to which its server has executed. */
  readonly applied: number;
}

/** Why a vote is refused. */
export const REFUSALS = [
  'hears the primary',
  'older log',
  'voted in this epoch',
  'older epoch',
  'epoch too far ahead',
  'abstains',
  'no list',
  /** The asking node was removed from the cluster, which has a primary. */
  'no member',
] as const;
export type Refusal = (typeof REFUSALS)[number];

export type ElectionMessage =
  /** Would you vote for me in this epoch? Nothing is promised. */
  | { readonly kind: 'preVote'; readonly epoch: number; readonly position: LogPosition }
  | {
      readonly kind: 'preVoteResponse';
      /** The epoch of the question. */
      readonly epoch: number;
      /** Null = yes. */
      readonly refusal: Refusal | null;
      readonly standing: Standing;
    }
  | {
      readonly kind: 'vote';
      readonly epoch: number;
      readonly campaign: string;
      readonly position: LogPosition;
      /** The primary asked for this campaign: it does not matter that the voter still hears it. */
      readonly transfer: boolean;
    }
  | {
      readonly kind: 'voteResponse';
      readonly epoch: number;
      readonly campaign: string;
      readonly refusal: Refusal | null;
      readonly standing: Standing;
    }
  /** From the primary of the epoch. `number` grows within the epoch. */
  | {
      readonly kind: 'heartbeat';
      readonly epoch: number;
      readonly campaign: string;
      readonly number: number;
      /**
       * False: no majority has answered it for a while, so it serves nobody. A node answers such a heartbeat, but does not wait
       * for this primary: one that is only deaf would keep another one from being elected for as long as it is.
       */
      readonly isAnswered: boolean;
    }
  | {
      readonly kind: 'heartbeatResponse';
      readonly epoch: number;
      readonly number: number;
      readonly standing: Standing;
      readonly offer: Offer;
    }
  /** From the primary to the node that takes its place: campaign at once. */
  | { readonly kind: 'timeoutNow'; readonly epoch: number };
