/** The body of `POST /v1/sql`: its schema, and the plan that follows from it. Pure. */
import { type Static, Type } from '@sinclair/typebox';
import { ApiError } from '../api/api-error.js';
import { type Position, parsePosition } from '../model/position.js';
import type { BoundParameter } from '../mysql-client/parameters.js';
import { bindParameters } from './bind.js';
import { toPositional } from './named-parameters.js';

/** A text that MySQL would take as one packet anyway; the body's limit is reached first. */
const STATEMENTS_MAX = 10_000;
export const TIMEOUT_DEFAULT_MS = 30_000;
export const TIMEOUT_MAX_MS = 3_600_000;

export const READ_LEVELS = ['local', 'bounded', 'session', 'primary', 'linearizable'] as const;
export type ReadLevel = (typeof READ_LEVELS)[number];

const Params = Type.Union(
  [Type.Array(Type.Unknown(), { maxItems: 65_535 }), Type.Record(Type.String(), Type.Unknown())],
  {
    description:
      'An array for ?, or an object for :name. JSON values, or {"$type":"blob|bigint|decimal|datetime|json","value":...}. Bound by the server, never put into the text.',
  },
);

type Params = Static<typeof Params>;

const SqlText = Type.String({
  minLength: 1,
  description: 'One statement; ? or :name stands for a parameter.',
});

export const ReadSchema = Type.Object(
  {
    level: Type.Optional(
      Type.Union(
        READ_LEVELS.map((level) => Type.Literal(level)),
        {
          description:
            'local: what this node has. bounded: at most `maxLagMs` old, else 412. session: the node first applies everything up to `after`. primary: on the primary only (421 elsewhere). linearizable: on the primary, after a quorum has confirmed that it still is.',
        },
      ),
    ),
    after: Type.Optional(Type.String({ description: 'The position of an earlier answer.' })),
    maxLagMs: Type.Optional(
      Type.Integer({ minimum: 0, maximum: TIMEOUT_MAX_MS, description: 'Goes with "bounded".' }),
    ),
  },
  { additionalProperties: false },
);

export const WriteSchema = Type.Object(
  {
    acknowledge: Type.Optional(
      Type.Union([Type.Literal('majority'), Type.Literal('all')], {
        description: "More than the cluster's level, never less.",
      }),
    ),
  },
  { additionalProperties: false },
);

export const SqlRequestSchema = Type.Object(
  {
    sql: Type.Optional(SqlText),
    params: Type.Optional(Params),
    statements: Type.Optional(
      Type.Array(
        Type.Union([
          SqlText,
          Type.Object({ sql: SqlText, params: Type.Optional(Params) }, { additionalProperties: false }),
        ]),
        { minItems: 1, maxItems: STATEMENTS_MAX, description: 'Several statements in one session.' },
      ),
    ),
    transaction: Type.Optional(
      Type.Boolean({
        description: 'All statements or none of them. Without it each statement stands alone.',
      }),
    ),
    database: Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: 'Default database.' })),
    timeoutMs: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: TIMEOUT_MAX_MS,
        default: TIMEOUT_DEFAULT_MS,
        description:
          'Time for the whole request. A write that is not confirmed by then is answered as unknown.',
      }),
    ),
    forward: Type.Optional(
      Type.Boolean({
        description:
          'A replica forwards to the primary what it cannot serve itself: writes, reads of level primary and linearizable, and bounded reads while it is too far behind.',
      }),
    ),
    rows: Type.Optional(Type.Union([Type.Literal('array'), Type.Literal('object')], { default: 'array' })),
    bigint: Type.Optional(
      Type.Union([Type.Literal('string'), Type.Literal('number')], {
        default: 'string',
        description: 'number: an error for values that a JSON number cannot carry exactly.',
      }),
    ),
    read: Type.Optional(ReadSchema),
    write: Type.Optional(WriteSchema),
    tx: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 200,
        description: 'An open transaction (POST /v1/tx) in which the statements run.',
      }),
    ),
  },
  { additionalProperties: false, title: 'SqlRequest' },
);
export type SqlRequest = Static<typeof SqlRequestSchema>;

export interface PlannedStatement {
  readonly sql: string;
  readonly parameters: readonly BoundParameter[];
}

export interface SqlPlan {
  readonly statements: readonly PlannedStatement[];
  /** The request had `statements`: results say which statement they belong to. */
  readonly several: boolean;
  readonly transaction: boolean;
  readonly database: string | null;
  readonly timeoutMs: number;
  readonly forward: boolean;
  /** Id of an open transaction. */
  readonly tx: string | null;
  readonly rows: 'array' | 'object';
  readonly bigint: 'string' | 'number';
  readonly read: ReadLevel;
  /** What has to be applied first; only with `session`. */
  readonly after: Position | null;
  /** Only with `bounded`. */
  readonly maxLagMs: number;
  readonly acknowledge: 'majority' | 'all' | null;
}

/** @throws ApiError 400 */
export function planSql(body: SqlRequest, positionHeader: string | undefined): SqlPlan {
  const { sql, statements } = body;
  if ((sql === undefined) === (statements === undefined)) {
    throw new ApiError(400, 'INVALID_FIELD', 'Give either "sql" or "statements".');
  }
  if (statements !== undefined && body.params !== undefined) {
    throw new ApiError(400, 'INVALID_FIELD', 'With "statements", each statement carries its own "params".');
  }
  const list = statements ?? [{ sql: sql ?? '', ...(body.params && { params: body.params }) }];
  return {
    statements: list.map(planStatement),
    several: statements !== undefined,
    transaction: body.transaction ?? false,
    database: body.database ?? null,
    timeoutMs: body.timeoutMs ?? TIMEOUT_DEFAULT_MS,
    forward: body.forward ?? false,
    tx: planTx(body),
    rows: body.rows ?? 'array',
    bigint: body.bigint ?? 'string',
    ...planRead(body.read, positionHeader),
    acknowledge: body.write?.acknowledge ?? null,
  };
}

function planStatement(statement: string | { sql: string; params?: Params }, i: number): PlannedStatement {
  const { sql, params = [] } = typeof statement === 'string' ? { sql: statement } : statement;
  if (/^\s*$/.test(sql)) {
    throw new ApiError(400, 'INVALID_FIELD', 'The statement is empty.', { statement: i });
  }
  if (Array.isArray(params)) return { sql, parameters: bindParameters(params, i) };
  const positional = toPositional(sql, params as Record<string, unknown>, i);
  return { sql: positional.sql, parameters: bindParameters(positional.params, i) };
}

/** Statements of an open transaction cannot change what was decided when it was opened. */
function planTx(body: SqlRequest): string | null {
  if (body.tx === undefined) return null;
  for (const field of ['transaction', 'read', 'write', 'forward'] as const) {
    if (body[field] === undefined) continue;
    throw new ApiError(
      400,
      'INVALID_FIELD',
      `"${field}" does not go with "tx"; it is said when the transaction is opened or committed.`,
    );
  }
  return body.tx;
}

/** A plan for what the node itself runs in the way of a client's request (to commit a transaction, for example). */
export function planWithoutStatements(options: {
  timeoutMs: number;
  acknowledge: 'majority' | 'all' | null;
}): SqlPlan {
  return {
    ...options,
    statements: [],
    several: false,
    transaction: true,
    database: null,
    forward: false,
    tx: null,
    rows: 'array',
    bigint: 'string',
    read: 'local',
    after: null,
    maxLagMs: 0,
  };
}

export type ReadPlan = Pick<SqlPlan, 'read' | 'after' | 'maxLagMs'>;

/** A position in the header is only a memory of the session: a level that was named goes before it. */
export function planRead(read: SqlRequest['read'], header: string | undefined): ReadPlan {
  const level = read?.level ?? ((read?.after ?? header) === undefined ? 'local' : 'session');
  if (read?.after !== undefined && level !== 'session') {
    throw new ApiError(400, 'INVALID_FIELD', '"read.after" goes with "read.level": "session" only.');
  }
  if (level === 'bounded' && read?.maxLagMs === undefined) {
    throw new ApiError(400, 'INVALID_FIELD', '"read.level": "bounded" needs "read.maxLagMs".');
  }
  if (level !== 'bounded' && read?.maxLagMs !== undefined) {
    throw new ApiError(400, 'INVALID_FIELD', '"read.maxLagMs" goes with "read.level": "bounded" only.');
  }
  const maxLagMs = read?.maxLagMs ?? 0;
  if (level !== 'session') return { read: level, after: null, maxLagMs };
  const text = read?.after ?? header;
  if (text === undefined) {
    throw new ApiError(
      400,
      'INVALID_FIELD',
      '"read.level": "session" needs "read.after" or the header X-Skein-Position.',
    );
  }
  return { read: level, after: parsePosition(text), maxLagMs };
}
