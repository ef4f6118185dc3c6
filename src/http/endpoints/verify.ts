import { Type } from '@sinclair/typebox';
import { RoundReportSchema, VerifyDocumentSchema } from '../../model/verify.js';
import { defineEndpoint } from './definition.js';

export const getVerify = defineEndpoint({
  method: 'GET',
  path: '/v1/verify',
  summary: 'What the last comparison of rows between all nodes found, table by table. On the primary.',
  auth: 'read',
  polled: true,
  response: VerifyDocumentSchema,
  errors: ['NOT_PRIMARY'],
});

export const postVerify = defineEndpoint({
  method: 'POST',
  path: '/v1/verify',
  summary:
    'Begins a comparison of the rows of all nodes at one position, while writes go on. On the primary.',
  auth: 'admin',
  bodyOptional: true,
  body: Type.Object(
    {
      database: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
      table: Type.Optional(
        Type.String({ minLength: 1, maxLength: 64, description: 'Only this one; needs `database`.' }),
      ),
      repair: Type.Optional(
        Type.Boolean({ description: "Rows that differ on a replica are replaced by the primary's." }),
      ),
    },
    { additionalProperties: false },
  ),
  statuses: [202],
  response: RoundReportSchema,
  errors: ['NOT_PRIMARY', 'VERIFY_RUNNING'],
});

export const deleteVerify = defineEndpoint({
  method: 'DELETE',
  path: '/v1/verify',
  summary: 'Ends the comparison that runs.',
  auth: 'admin',
  response: Type.Object({ cancelled: Type.Boolean({ description: 'False: none was running.' }) }),
  errors: ['NOT_PRIMARY'],
});
