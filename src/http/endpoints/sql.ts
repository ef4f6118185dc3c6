import { Type } from '@sinclair/typebox';
import { ErrorBody, STATEMENT_ERRORS, TRANSACTION_ERRORS } from '../../api/errors.js';
import { COLUMN_TYPES } from '../../sql/column-types.js';
import { SqlRequestSchema } from '../../sql/request.js';
import { defineEndpoint } from './definition.js';

export const Column = Type.Object(
  {
    name: Type.String(),
    type: Type.Union(COLUMN_TYPES.map((name) => Type.Literal(name))),
    nullable: Type.Boolean(),
  },
  { title: 'Column' },
);

const Statement = Type.Optional(Type.Integer({ description: 'Index of its statement, with "statements".' }));

const Counts = {
  rowCount: Type.Integer(),
  affectedRows: Type.Integer(),
  insertId: Type.Union([Type.String(), Type.Null()]),
  warnings: Type.Integer(),
  durationMs: Type.Number(),
};

const Result = Type.Object(
  {
    statement: Statement,
    columns: Type.Array(Column),
    rows: Type.Array(Type.Unknown(), { description: 'Arrays, or objects with "rows": "object".' }),
    ...Counts,
  },
  { title: 'SqlResult' },
);

/** Fields of every complete answer beside its results. */
const Tail = {
  position: Type.String({
    description: 'Position of the answer. Send it as X-Skein-Position or read.after to read your own write.',
  }),
  node: Type.String(),
  role: Type.Union([Type.Literal('primary'), Type.Literal('replica')]),
  epoch: Type.Integer(),
  lagMs: Type.Union([Type.Number(), Type.Null()]),
  acknowledgedBy: Type.Array(Type.String(), { description: 'Replicas that have the write on disk.' }),
  durationMs: Type.Number(),
};

/** A result whose rows were sent as lines. */
const Summary = Type.Object({ statement: Statement, ...Counts }, { title: 'StreamedResult' });

const Line = Type.Union(
  [
    Type.Object({ type: Type.Literal('columns'), statement: Statement, columns: Type.Array(Column) }),
    Type.Object({ type: Type.Literal('row'), row: Type.Unknown() }),
    Type.Object({ type: Type.Literal('end'), results: Type.Array(Summary), ...Tail }),
    Type.Object({
      type: Type.Literal('error'),
      ...ErrorBody.properties,
      results: Type.Optional(Type.Array(Summary)),
    }),
  ],
  {
    title: 'SqlLine',
    description: 'The last line is `end` or `error`; a stream that ends without one was cut.',
  },
);

export const postSql = defineEndpoint({
  method: 'POST',
  path: '/v1/sql',
  summary: 'Runs one statement, or several, with parameters bound by the server.',
  auth: 'read',
  headers: Type.Object({
    'x-skein-position': Type.Optional(
      Type.String({ description: 'The node first applies everything up to this position.' }),
    ),
    'idempotency-key': Type.Optional(
      Type.String({
        description:
          'A write with this key is done at most once; sent again, it is answered with the first results and the header Idempotency-Replayed.',
      }),
    ),
  }),
  body: SqlRequestSchema,
  largeBody: true,
  response: Type.Object({ results: Type.Array(Result), ...Tail }, { title: 'SqlAnswer' }),
  line: Line,
  failure: Type.Composite(
    [
      ErrorBody,
      Type.Partial(
        Type.Object({
          results: Type.Array(Type.Union([Result, Summary]), {
            description: 'Results of the statements before the one that failed; only without a transaction.',
          }),
          ...Tail,
        }),
      ),
    ],
    { title: 'SqlFailure' },
  ),
  errors: [
    ...STATEMENT_ERRORS,
    ...TRANSACTION_ERRORS,
    'INVALID_PARAMETER',
    'PARAMETER_COUNT',
    'DUPLICATE_COLUMN',
    'UNSAFE_BIGINT',
    'TRANSACTION_ENDED',
    'OPEN_TRANSACTION',
    'NOT_REPEATABLE',
    'IDEMPOTENCY_KEY_IN_USE',
    'IDEMPOTENCY_KEY_REUSED',
    'LAG_TOO_LARGE',
    'NOT_PRIMARY',
    'PRIMARY_UNREACHABLE',
    'OUTCOME_UNKNOWN',
  ],
});
