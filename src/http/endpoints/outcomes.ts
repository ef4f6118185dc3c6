import { Type } from '@sinclair/typebox';
import { defineEndpoint } from './definition.js';

export const getOutcome = defineEndpoint({
  method: 'GET',
  path: '/v1/outcome/:key',
  summary:
    'Whether the write with this idempotency key, or the transaction with this id, was applied. Only for keys of the same token; kept for 24 hours.',
  auth: 'write',
  params: Type.Object({ key: Type.String({ minLength: 1, maxLength: 200 }) }),
  response: Type.Object(
    {
      key: Type.String(),
      applied: Type.Union(
        ['yes', 'no', 'unknown'].map((applied) => Type.Literal(applied)),
        {
          description:
            'yes: a quorum has it. no: it neither exists nor is in progress. unknown: it is in progress; ask again.',
        },
      ),
      recordedAt: Type.Union([Type.String(), Type.Null()], { description: 'ISO time in UTC.' }),
      position: Type.String(),
      node: Type.String(),
      role: Type.Union([Type.Literal('primary'), Type.Literal('replica')]),
      epoch: Type.Integer(),
    },
    { title: 'Outcome' },
  ),
  errors: ['NOT_PRIMARY', 'NO_QUORUM', 'SERVER_DOWN', 'OUTCOME_UNKNOWN'],
});
