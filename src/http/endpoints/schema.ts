/** What is in the databases: tables, their columns and keys, and their rows page by page. */
import { Type } from '@sinclair/typebox';
import { STATEMENT_ERRORS } from '../../api/errors.js';
import { defineEndpoint } from './definition.js';
import { Column } from './sql.js';

const NullableText = Type.Union([Type.String(), Type.Null()]);
const NullableCount = Type.Union([Type.Integer(), Type.Null()]);

/** A name of the server: at most 64 characters, none beyond the basic plane (its names are three-byte UTF-8). */
const Name = Type.String({ minLength: 1, maxLength: 64, pattern: '^[\\u0001-\\uD7FF\\uE000-\\uFFFF]+$' });

const headers = Type.Object({
  'x-skein-position': Type.Optional(
    Type.String({ description: 'The node first applies everything up to this position.' }),
  ),
});

const TableFacts = {
  name: Type.String(),
  kind: Type.Union([Type.Literal('table'), Type.Literal('view'), Type.Literal('sequence')]),
  engine: NullableText,
  rows: Type.Union([Type.Integer(), Type.Null()], { description: "The server's estimate." }),
  dataBytes: NullableCount,
  indexBytes: NullableCount,
  comment: Type.String(),
};

export const getSchema = defineEndpoint({
  method: 'GET',
  path: '/v1/schema',
  summary: 'The databases and their tables that the token may see, as this node has them.',
  auth: 'read',
  query: Type.Object(
    { database: Type.Optional(Type.String({ ...Name, description: 'Only this one.' })) },
    { additionalProperties: false },
  ),
  headers,
  response: Type.Object(
    {
      databases: Type.Array(
        Type.Object(
          {
            name: Type.String(),
            charset: Type.String(),
            collation: Type.String(),
            tables: Type.Array(Type.Object(TableFacts, { title: 'TableSummary' })),
          },
          { title: 'Database' },
        ),
      ),
      complete: Type.Boolean({ description: 'false: there are more tables than one answer lists.' }),
      position: Type.String(),
      node: Type.String(),
    },
    { title: 'Schema' },
  ),
  errors: STATEMENT_ERRORS,
});

const TableColumn = Type.Object(
  {
    name: Type.String(),
    type: Type.String({ description: 'As the server writes it: `bigint(20) unsigned`.' }),
    nullable: Type.Boolean(),
    default: Type.Union([Type.String(), Type.Null()], { description: 'An SQL expression; null = none.' }),
    generated: Type.Union([Type.String(), Type.Null()], {
      description: 'An SQL expression; null = stored as given.',
    }),
    autoIncrement: Type.Boolean(),
    charset: NullableText,
    collation: NullableText,
    comment: Type.String(),
  },
  { title: 'TableColumn' },
);

const TableIndex = Type.Object(
  {
    name: Type.String(),
    unique: Type.Boolean(),
    kind: Type.String({ description: 'BTREE, HASH, FULLTEXT, SPATIAL ...' }),
    columns: Type.Array(
      Type.Object({
        name: Type.String(),
        prefix: Type.Union([Type.Integer(), Type.Null()], {
          description: 'Length of the indexed prefix; null = the whole column.',
        }),
        descending: Type.Boolean(),
      }),
    ),
  },
  { title: 'TableIndex' },
);

const ForeignKey = Type.Object(
  {
    name: Type.String(),
    columns: Type.Array(Type.String()),
    references: Type.Object({
      database: Type.String(),
      table: Type.String(),
      columns: Type.Array(Type.String()),
    }),
    onUpdate: Type.String(),
    onDelete: Type.String(),
  },
  { title: 'ForeignKey' },
);

const params = Type.Object({ database: Name, table: Name });

export const getTable = defineEndpoint({
  method: 'GET',
  path: '/v1/schema/:database/:table',
  summary: 'A table or view: columns, keys, indexes, its DDL, and how large it is.',
  auth: 'read',
  params,
  headers,
  response: Type.Object(
    {
      database: Type.String(),
      ...TableFacts,
      columns: Type.Array(TableColumn),
      primaryKey: Type.Union([Type.Array(Type.String()), Type.Null()]),
      indexes: Type.Array(TableIndex),
      foreignKeys: Type.Array(ForeignKey),
      ddl: Type.String(),
      position: Type.String(),
      node: Type.String(),
    },
    { title: 'Table' },
  ),
  errors: STATEMENT_ERRORS,
});

const PAGE_ROWS_MAX = 1000;
export const PAGE_ROWS_DEFAULT = 100;

export const getRows = defineEndpoint({
  method: 'GET',
  path: '/v1/tables/:database/:table/rows',
  summary:
    'Rows in the order of the primary key, or of a unique key without NULL, page by page. Each page begins after the last row of the one before, so it costs the same wherever it is; pages are read one by one, not as one snapshot.',
  auth: 'read',
  params,
  query: Type.Object(
    {
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: PAGE_ROWS_MAX, default: PAGE_ROWS_DEFAULT })),
      order: Type.Optional(Type.Union([Type.Literal('asc'), Type.Literal('desc')], { default: 'asc' })),
      next: Type.Optional(
        // Two base64 around the longest key that the server allows, 3072 bytes.
        Type.String({ minLength: 1, maxLength: 12_000, description: '`next` of the page before.' }),
      ),
      rows: Type.Optional(Type.Union([Type.Literal('array'), Type.Literal('object')], { default: 'array' })),
    },
    { additionalProperties: false },
  ),
  headers,
  response: Type.Object(
    {
      database: Type.String(),
      table: Type.String(),
      key: Type.Array(Type.String(), { description: 'The columns that give the order.' }),
      columns: Type.Array(Column),
      rows: Type.Array(Type.Unknown()),
      next: Type.Union([Type.String(), Type.Null()], { description: 'null = this was the last page.' }),
      position: Type.String(),
      node: Type.String(),
    },
    { title: 'RowsPage' },
  ),
  errors: [...STATEMENT_ERRORS, 'NO_KEY', 'INVALID_CURSOR'],
});
