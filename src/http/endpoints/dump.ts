import { Type } from '@sinclair/typebox';
import { defineEndpoint } from './definition.js';

export const getDump = defineEndpoint({
  method: 'GET',
  path: '/v1/dump',
  summary:
    'A dump of this node\'s databases as SQL, complete and at one position, which the dump contains. It is complete when its last line begins with "-- Dump completed".',
  auth: 'admin',
  query: Type.Object(
    {
      database: Type.Optional(
        Type.String({
          minLength: 1,
          maxLength: 64,
          description:
            'Only this database, without its name, so that the dump can be loaded into another one.',
        }),
      ),
    },
    { additionalProperties: false },
  ),
  produces: 'text',
  response: Type.String(),
  errors: ['NOT_FOUND', 'SERVER_DOWN', 'SERVER_BUSY', 'DUMP_FAILED'],
});
