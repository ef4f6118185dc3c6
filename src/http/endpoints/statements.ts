import { Type } from '@sinclair/typebox';
import { STATEMENT_SHOWN_MAX, STATEMENTS_MAX } from '../../model/running-statement.js';
import { defineEndpoint } from './definition.js';

export const getStatements = defineEndpoint({
  method: 'GET',
  path: '/v1/statements',
  summary: `The statements of clients that this node's server executes now, the oldest first; at most ${STATEMENTS_MAX}.`,
  auth: 'admin',
  polled: true,
  response: Type.Object(
    {
      node: Type.String(),
      statements: Type.Array(
        Type.Object({
          id: Type.Integer({ description: 'Of the statement.' }),
          session: Type.Integer({ description: 'Of its session, as CONNECTION_ID() gives it.' }),
          account: Type.String({
            description: 'Statements of tokens have `skein_read`, `skein_write` or `skein_admin`.',
          }),
          database: Type.Union([Type.String(), Type.Null()]),
          ms: Type.Number(),
          state: Type.String({ description: 'What the server does for it, in its words.' }),
          isCommitting: Type.Boolean({ description: 'It waits for its quorum, so it cannot be ended.' }),
          statement: Type.String({ description: `Its first ${STATEMENT_SHOWN_MAX} characters.` }),
        }),
      ),
    },
    { title: 'RunningStatements' },
  ),
  errors: ['NOT_OPEN', 'SERVER_DOWN', 'WITNESS'],
});

export const deleteStatement = defineEndpoint({
  method: 'DELETE',
  path: '/v1/statements/:id',
  summary:
    "Ends a statement of a client on this node's server; its session goes on. One that waits for its quorum cannot be ended.",
  auth: 'admin',
  params: Type.Object({ id: Type.String({ pattern: '^[0-9]{1,15}$' }) }),
  response: Type.Object({ node: Type.String(), id: Type.Integer() }, { title: 'EndedStatement' }),
  errors: ['NO_STATEMENT', 'COMMIT_WAITS', 'NOT_OPEN', 'SERVER_DOWN', 'WITNESS'],
});
