import { type Static, Type } from '@sinclair/typebox';

/** Types of `skein verify`, which compares rows between nodes. As schemas, because they are stored in a file and sent. */

export interface TableName {
  readonly schema: string;
  readonly name: string;
}

/** A row's key, column by column, as texts (verify/key-range.ts). */
export type KeyValues = readonly string[];

/** The rows of one chunk on one node, as sums. */
export interface ChunkSums {
  readonly rows: number;
  /** Sums over the rows, as decimal texts. */
  readonly xor: string;
  readonly sum: string;
}

export function sameSums(a: ChunkSums, b: ChunkSums): boolean {
  return a.rows === b.rows && a.xor === b.xor && a.sum === b.sum;
}

const Count = Type.Integer({ minimum: 0 });
const Text = Type.String();
const Texts = Type.Array(Type.String());
const TextOrNull = Type.Union([Type.String(), Type.Null()]);
const Border = (description: string) => Type.Union([Texts, Type.Null()], { description });

const DifferingChunkSchema = Type.Object(
  {
    key: Type.Array(Type.String(), {
      description: 'Columns of the key; empty when the table has none and is compared as a whole.',
    }),
    after: Border('The rows behind this key; null = from the first row.'),
    upTo: Border('Up to this key, itself included; null = to the last row.'),
    rows: Type.Integer({ minimum: 0, description: 'Rows on the primary.' }),
    nodes: Type.Array(Type.Object({ node: Text, rows: Count }), {
      description: 'Each node that differs from the primary, with its number of rows.',
    }),
    repair: Type.Union([Type.String(), Type.Null()], {
      description: '`repaired`, or why it was not; null = nobody asked for it.',
    }),
  },
  { title: 'VerifyDifference' },
);

/** `repaired`: it differed, and does not any more. `skipped`: it was not compared, or not on all nodes. */
export const TABLE_VERDICTS = ['equal', 'differs', 'repaired', 'skipped'] as const;

export const TableReportSchema = Type.Object(
  {
    table: Text,
    verdict: Type.Union(TABLE_VERDICTS.map((verdict) => Type.Literal(verdict))),
    startedAt: Text,
    finishedAt: Text,
    from: Type.String({ description: 'Position of the first chunk.' }),
    to: Type.String({ description: 'Position of the last chunk.' }),
    rows: Count,
    chunks: Count,
    nodes: Type.Array(Type.String(), { description: 'Compared with the primary, all of the table.' }),
    reason: Type.Union([Type.String(), Type.Null()], {
      description: 'What differs beside rows, or why the table or a node was not compared.',
    }),
    differences: Type.Array(DifferingChunkSchema),
    more: Type.Integer({ minimum: 0, description: 'Differences beyond those that are listed.' }),
  },
  { title: 'VerifyTable' },
);

export const RoundReportSchema = Type.Object(
  {
    startedAt: Text,
    finishedAt: TextOrNull,
    only: Type.Union([Type.String(), Type.Null()], { description: '`schema.table`; null = all tables.' }),
    repair: Type.Boolean(),
    background: Type.Boolean({ description: 'Begun by the interval of the configuration.' }),
    tablesDone: Count,
    tables: Count,
    differing: Texts,
    skipped: Texts,
    unconfirmed: Type.Integer({
      minimum: 0,
      description: 'Chunks that differed once, and not at a later position.',
    }),
    rows: Count,
    chunks: Count,
    positions: Type.Integer({ minimum: 0, description: 'How often the nodes agreed on a position.' }),
    heldMsMax: Type.Number({
      minimum: 0,
      description: "The longest time for which a replica's server was given nothing new.",
    }),
    ended: Type.Union([Type.String(), Type.Null()], { description: 'Why it ended early.' }),
  },
  { title: 'VerifyRound' },
);

export const VerifyDocumentSchema = Type.Object(
  {
    running: Type.Union([RoundReportSchema, Type.Null()]),
    last: Type.Union([RoundReportSchema, Type.Null()]),
    lastCompleteAt: Type.Union([Type.String(), Type.Null()], {
      description: 'End of the last round over all tables that did not end early.',
    }),
    tables: Type.Array(TableReportSchema, { description: 'The last comparison of each table.' }),
  },
  { title: 'VerifyDocument' },
);

export type DifferingChunk = Static<typeof DifferingChunkSchema>;
export type TableReport = Static<typeof TableReportSchema>;
export type RoundReport = Static<typeof RoundReportSchema>;
/** `GET /v1/verify`. */
export type VerifyDocument = Static<typeof VerifyDocumentSchema>;

/** The request of `POST /v1/verify`. */
export interface VerifyRequest {
  /** One table; null = all. */
  readonly only: TableName | null;
  readonly repair: boolean;
}
