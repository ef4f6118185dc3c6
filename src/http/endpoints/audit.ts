import { Type } from '@sinclair/typebox';
import { defineEndpoint } from './definition.js';
import { Follow, Since, Tail, Text, Until } from './line-queries.js';

export const getAudit = defineEndpoint({
  method: 'GET',
  path: '/v1/audit',
  summary: "The newest lines of this node's audit trail that match, one JSON object in each line.",
  auth: 'admin',
  query: Type.Object(
    {
      tail: Tail,
      since: Since,
      until: Until,
      text: Text,
      follow: Follow,
      token: Type.Optional(Type.String({ maxLength: 64, description: 'Id of a token.' })),
      requestId: Type.Optional(Type.String({ maxLength: 64 })),
      kind: Type.Optional(Type.String({ maxLength: 64, description: 'request, event, node ...' })),
      outcome: Type.Optional(Type.String({ maxLength: 64, description: "ok, or an error's code." })),
    },
    { additionalProperties: false },
  ),
  produces: 'ndjson',
  response: Type.String(),
});
