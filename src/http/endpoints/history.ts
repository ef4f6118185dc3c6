import { Type } from '@sinclair/typebox';
import { HISTORY_STEPS, SERIES } from '../../model/history.js';
import { defineEndpoint } from './definition.js';

const Values = Type.Array(Type.Union([Type.Number(), Type.Null()]));

export const getHistory = defineEndpoint({
  method: 'GET',
  path: '/v1/history',
  summary: 'The last hour of all members in steps of a second, as this node saw it.',
  auth: 'read',
  polled: true,
  query: Type.Object(
    {
      seconds: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: HISTORY_STEPS,
          default: HISTORY_STEPS,
          description: 'How far back.',
        }),
      ),
    },
    { additionalProperties: false },
  ),
  response: Type.Object(
    {
      stepMs: Type.Integer(),
      endsAt: Type.Union([Type.String(), Type.Null()], {
        description: 'Time of the last step; null = there is none yet.',
      }),
      members: Type.Array(
        Type.Object({
          name: Type.String(),
          series: Type.Object(Object.fromEntries(SERIES.map((name) => [name, Values])), {
            description:
              'A value for each step, the oldest first; null = not known. `committed` and `applied` are numbers of transactions since the beginning of the cluster.',
          }),
        }),
      ),
    },
    { title: 'History' },
  ),
});
