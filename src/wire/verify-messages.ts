import { type Static, Type } from '@sinclair/typebox';
import { decodeJson, encodeJson } from './messages.js';

/** The messages between primary and replica for comparing rows (roles/primary/verify, roles/replica/verify-responder.ts). */

const Ordinal = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const Gtid = Type.String({ pattern: '^[0-9A-Za-z:-]{0,100}$' });
const Name = Type.String({ minLength: 1, maxLength: 64 });
const Reason = Type.String({ maxLength: 4096 });
/** A key of 3,072 bytes, as hex. */
const Key = Type.Array(Type.String({ maxLength: 8_192 }), { minItems: 1, maxItems: 32 });
const Border = Type.Union([Key, Type.Null()]);
const Table = Type.Object({ schema: Name, name: Name });
const Range = Type.Object({ after: Border, upTo: Border });
const Place = Type.Object({ ordinal: Ordinal, gtid: Gtid });
const Digest = Type.String({ pattern: '^[0-9a-f]{32}$' });
const Sums = Type.Object({
  rows: Ordinal,
  xor: Type.String({ pattern: '^\\d{1,20}$' }),
  sum: Type.String({ pattern: '^\\d{1,40}$' }),
});

/** Rows that a repair takes from the primary: the texts of all columns that are not generated, or null. */
const Row = Type.Array(Type.Union([Type.String(), Type.Null()]), { minItems: 1, maxItems: 4096 });

const AskSchema = Type.Object({
  /** The answer has the same id. */
  id: Ordinal,
  what: Type.Union([
    /** Give the server no new transactions for now, and report up to where it got them. */
    Type.Object({ kind: Type.Literal('hold') }),
    /** Give the server everything up to this place; open a snapshot when it has executed exactly that; then end the hold. */
    Type.Object({ kind: Type.Literal('open'), place: Place }),
    /** Names of the tables in the snapshot, after this one. */
    Type.Object({ kind: Type.Literal('tables'), after: Type.Union([Table, Type.Null()]) }),
    Type.Object({ kind: Type.Literal('chunk'), table: Table, range: Range }),
    /** After `hold`: write these rows, which the range has at this place, and check these sums. Then end the hold. */
    Type.Object({
      kind: Type.Literal('repair'),
      place: Place,
      table: Table,
      range: Range,
      digest: Digest,
      sums: Sums,
      rows: Type.Array(Row, { maxItems: 10_000 }),
    }),
    /** End of the snapshot, and of a hold. */
    Type.Object({ kind: Type.Literal('close') }),
  ]),
});
export type VerifyAsk = Static<typeof AskSchema>;
export type VerifyQuestion = VerifyAsk['what'];

const ReplySchema = Type.Object({
  id: Ordinal,
  what: Type.Union([
    Type.Object({ kind: Type.Literal('held'), released: Ordinal }),
    Type.Object({ kind: Type.Literal('opened'), heldMs: Type.Number({ minimum: 0 }) }),
    Type.Object({ kind: Type.Literal('tables'), tables: Type.Array(Table, { maxItems: 1_000 }) }),
    /** Null: there is no such table. */
    Type.Object({
      kind: Type.Literal('chunk'),
      chunk: Type.Union([Type.Object({ digest: Digest, sums: Sums }), Type.Null()]),
    }),
    /** Null: done. Otherwise why nothing was changed. */
    Type.Object({ kind: Type.Literal('repaired'), refused: Type.Union([Reason, Type.Null()]) }),
    Type.Object({ kind: Type.Literal('closed') }),
    Type.Object({ kind: Type.Literal('failed'), reason: Reason }),
  ]),
});
export type VerifyReply = Static<typeof ReplySchema>;
export type VerifyAnswer = VerifyReply['what'];

export const encodeVerifyAsk = (ask: VerifyAsk): Buffer => encodeJson('verifyAsk', ask);
export const decodeVerifyAsk = (payload: Buffer): VerifyAsk => decodeJson('verifyAsk', AskSchema, payload);
export const encodeVerifyReply = (reply: VerifyReply): Buffer => encodeJson('verifyReply', reply);
export const decodeVerifyReply = (payload: Buffer): VerifyReply =>
  decodeJson('verifyReply', ReplySchema, payload);
