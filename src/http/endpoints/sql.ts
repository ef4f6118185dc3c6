import { Type } from '@sinclair/typebox';
import { COLUMN_TYPES } from '../sql/column-types.js';
import { SqlRequestSchema, UNSUPPORTED_SQL_FIELDS } from '../sql/request.js';
import { defineEndpoint } from './definition.js';

const Result = Type.Object({
  statement: Type.Optional(Type.Integer({ description: 'Index of its statement, with "statements".' })),
  columns: Type.Array(
    Type.Object({
      name: Type.String(),
      type: Type.Union(COLUMN_TYPES.map((name) => Type.Literal(name))),
      nullable: Type.Boolean(),
    }),
  ),
  rows: Type.Array(Type.Unknown()),
  rowCount: Type.Integer(),
  affectedRows: Type.Integer(),
  insertId: Type.Union([Type.String(), Type.Null()]),
  warnings: Type.Integer(),
  durationMs: Type.Number(),
});

export const postSql = defineEndpoint({
  method: 'POST',
  path: '/v1/sql',
  summary: 'Runs one statement, or several, with parameters bound by the server.',
  auth: 'read',
  body: SqlRequestSchema,
  unsupported: UNSUPPORTED_SQL_FIELDS,
  response: Type.Object({
    results: Type.Array(Result),
    position: Type.String(),
    node: Type.String(),
    role: Type.Union([Type.Literal('primary'), Type.Literal('replica')]),
    epoch: Type.Integer(),
    lagMs: Type.Union([Type.Number(), Type.Null()]),
    acknowledgedBy: Type.Array(Type.String()),
    durationMs: Type.Number(),
  }),
});
