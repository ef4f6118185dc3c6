import { Type } from '@sinclair/typebox';
import { LOG_LEVELS } from '../../api/log-filter.js';
import { defineEndpoint } from './definition.js';
import { Follow, Since, Tail, Text, Until } from './line-queries.js';

export const getLogs = defineEndpoint({
  method: 'GET',
  path: '/v1/logs',
  summary: "The newest lines of this node's log that match, one JSON object in each line.",
  auth: 'read',
  polled: true,
  query: Type.Object(
    {
      tail: Tail,
      level: Type.Optional(
        Type.Union(
          LOG_LEVELS.map((level) => Type.Literal(level)),
          { description: 'This level and more severe ones.' },
        ),
      ),
      since: Since,
      until: Until,
      part: Type.Optional(
        Type.String({
          maxLength: 64,
          description: 'The part of the node that logged the line: http, link, spool ...',
        }),
      ),
      text: Text,
      follow: Follow,
    },
    { additionalProperties: false },
  ),
  produces: 'ndjson',
  response: Type.String(),
});
