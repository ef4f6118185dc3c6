import { Type } from '@sinclair/typebox';
import { STATEMENT_ERRORS, TRANSACTION_ERRORS } from '../../api/errors.js';
import { ReadSchema, TIMEOUT_DEFAULT_MS, TIMEOUT_MAX_MS, WriteSchema } from '../../sql/request.js';
import { defineEndpoint } from './definition.js';

const ISOLATION_LEVELS = ['read-uncommitted', 'read-committed', 'repeatable-read', 'serializable'] as const;

const Answerer = {
  node: Type.String(),
  role: Type.Union([Type.Literal('primary'), Type.Literal('replica')]),
  epoch: Type.Integer(),
};
const Id = Type.Object({ id: Type.String({ minLength: 1, maxLength: 200 }) });
const TimeoutMs = Type.Optional(
  Type.Integer({ minimum: 1, maximum: TIMEOUT_MAX_MS, default: TIMEOUT_DEFAULT_MS }),
);

export const postTx = defineEndpoint({
  method: 'POST',
  path: '/v1/tx',
  summary:
    'Opens a transaction that goes on over several requests to this node. It ends by itself when idle.',
  auth: 'read',
  body: Type.Object(
    {
      readOnly: Type.Optional(
        Type.Boolean({ description: 'A consistent snapshot. On a replica, and with a read token, always.' }),
      ),
      isolation: Type.Optional(Type.Union(ISOLATION_LEVELS.map((level) => Type.Literal(level)))),
      database: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
      idleMs: Type.Optional(
        Type.Integer({
          minimum: 100,
          maximum: 300_000,
          default: 10_000,
          description: 'The transaction is rolled back after this time without a request.',
        }),
      ),
      totalMs: Type.Optional(
        Type.Integer({
          minimum: 100,
          maximum: 600_000,
          default: 60_000,
          description: 'The transaction is rolled back after this time in any case.',
        }),
      ),
      read: Type.Optional(ReadSchema),
      timeoutMs: TimeoutMs,
    },
    { additionalProperties: false },
  ),
  bodyOptional: true,
  response: Type.Object(
    {
      id: Type.String(),
      readOnly: Type.Boolean(),
      idleMs: Type.Integer(),
      expiresAt: Type.String({ description: 'ISO time in UTC.' }),
      position: Type.String(),
      ...Answerer,
    },
    { title: 'OpenedTransaction' },
  ),
  statuses: [201],
  errors: [...STATEMENT_ERRORS, 'LAG_TOO_LARGE', 'NOT_PRIMARY', 'TOO_MANY_TRANSACTIONS'],
});

export const postTxCommit = defineEndpoint({
  method: 'POST',
  path: '/v1/tx/:id/commit',
  summary: 'Commits an open transaction; answered when its quorum has it.',
  auth: 'read',
  params: Id,
  body: Type.Object(
    { write: Type.Optional(WriteSchema), timeoutMs: TimeoutMs },
    { additionalProperties: false },
  ),
  bodyOptional: true,
  response: Type.Object(
    {
      id: Type.String(),
      state: Type.Literal('committed'),
      position: Type.String(),
      acknowledgedBy: Type.Array(Type.String()),
      ...Answerer,
    },
    { title: 'CommittedTransaction' },
  ),
  errors: [...TRANSACTION_ERRORS, 'ER_*', 'TRANSACTION_ENDED', 'SERVER_DOWN', 'TIMEOUT', 'OUTCOME_UNKNOWN'],
});

export const postTxRollback = defineEndpoint({
  method: 'POST',
  path: '/v1/tx/:id/rollback',
  summary: 'Rolls back an open transaction.',
  auth: 'read',
  params: Id,
  body: Type.Object({}, { additionalProperties: false }),
  bodyOptional: true,
  response: Type.Object(
    { id: Type.String(), state: Type.Literal('rolled back'), ...Answerer },
    { title: 'RolledBackTransaction' },
  ),
  errors: TRANSACTION_ERRORS,
});
