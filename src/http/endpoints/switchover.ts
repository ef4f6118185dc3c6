import { Type } from '@sinclair/typebox';
import { SwitchoverSchema } from '../../model/switchover.js';
import { defineEndpoint } from './definition.js';

export const postSwitchover = defineEndpoint({
  method: 'POST',
  path: '/v1/cluster/switchover',
  summary:
    'Makes another node the primary, in order: writes end, the other node gets everything, and opens. Sent to the primary; answered when the other one is open.',
  auth: 'admin',
  body: Type.Object(
    {
      to: Type.Optional(
        Type.String({ minLength: 1, maxLength: 63, description: 'Absent: the node that suits best.' }),
      ),
      dryRun: Type.Optional(Type.Boolean({ description: 'Only tells who would take over.' })),
    },
    { additionalProperties: false },
  ),
  bodyOptional: true,
  response: SwitchoverSchema,
  errors: [
    'NOT_PRIMARY',
    'ALREADY_PRIMARY',
    'NO_TARGET',
    'TRANSFER_RUNNING',
    'SWITCHOVER_FAILED',
    'SWITCHOVER_UNFINISHED',
  ],
});
