import { Type } from '@sinclair/typebox';
import { type ElectionMessage, REFUSALS, SERVES } from '../model/election-messages.js';
import { decodeJson, Epoch, encodeJson, NodeName, Ordinal } from './messages.js';

/** What nodes say to each other about elections (model/election-messages.ts), and who says it. */

const VoterSchema = Type.Object({
  node: NodeName,
  /** The member that the dialer means: another node may listen at its address now. */
  to: NodeName,
  /** As in `attach`. */
  incarnation: Type.String({ minLength: 1, maxLength: 64 }),
});

/** The first frame of a session for elections: who says everything that follows. */
export interface Voter {
  readonly node: string;
  readonly to: string;
  readonly incarnation: string;
}

/** `epoch` is -1 before the beginning of every log. */
const LogPosition = Type.Object({
  epoch: Type.Integer({ minimum: -1, maximum: 0xffff_ffff }),
  number: Ordinal,
  ordinal: Ordinal,
});
const Campaign = Type.String({ minLength: 1, maxLength: 64 });
const Refusal = Type.Union([...REFUSALS.map((refusal) => Type.Literal(refusal)), Type.Null()]);
const Standing = Type.Object({
  incarnation: Type.String({ minLength: 1, maxLength: 64 }),
  boot: Ordinal,
  promisedEpoch: Epoch,
  position: LogPosition,
  abstains: Type.Boolean(),
});
const Offer = Type.Object({
  serves: Type.Union(SERVES.map((serves) => Type.Literal(serves))),
  maintenance: Type.Boolean(),
  priority: Type.Integer({ minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER }),
  applied: Ordinal,
});

const ElectionSchema = Type.Union([
  Type.Object({ kind: Type.Literal('preVote'), epoch: Epoch, position: LogPosition }),
  Type.Object({ kind: Type.Literal('preVoteResponse'), epoch: Epoch, refusal: Refusal, standing: Standing }),
  Type.Object({
    kind: Type.Literal('vote'),
    epoch: Epoch,
    campaign: Campaign,
    position: LogPosition,
    transfer: Type.Boolean(),
  }),
  Type.Object({
    kind: Type.Literal('voteResponse'),
    epoch: Epoch,
    campaign: Campaign,
    refusal: Refusal,
    standing: Standing,
  }),
  Type.Object({
    kind: Type.Literal('heartbeat'),
    epoch: Epoch,
    campaign: Campaign,
    number: Ordinal,
    isAnswered: Type.Boolean(),
  }),
  Type.Object({
    kind: Type.Literal('heartbeatResponse'),
    epoch: Epoch,
    number: Ordinal,
    standing: Standing,
    offer: Offer,
  }),
  Type.Object({ kind: Type.Literal('timeoutNow'), epoch: Epoch }),
]);

export const encodeVoter = (voter: Voter): Buffer => encodeJson('voter', voter);
export const decodeVoter = (payload: Buffer): Voter => decodeJson('voter', VoterSchema, payload);

export const encodeElection = (message: ElectionMessage): Buffer => encodeJson('election', message);
export const decodeElection = (payload: Buffer): ElectionMessage =>
  decodeJson('election', ElectionSchema, payload);
