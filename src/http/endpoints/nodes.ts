import { Type } from '@sinclair/typebox';
import { PromotionSchema } from '../../model/promotion.js';
import { defineEndpoint } from './definition.js';

const Name = Type.Object({ name: Type.String({ minLength: 1, maxLength: 63 }) });
const Ordered = Type.Object(
  {
    node: Type.String(),
    order: Type.Union([Type.Literal('start'), Type.Literal('cancel')]),
  },
  { title: 'SeedOrder' },
);
const ERRORS = ['NOT_PRIMARY', 'NOT_ATTACHED', 'SEED_OF_PRIMARY', 'SEED_OF_WITNESS', 'NOT_OPEN'] as const;

export const reseedNode = defineEndpoint({
  method: 'POST',
  path: '/v1/nodes/:name/reseed',
  summary:
    'Fills the server of a replica from another node. Sent to that replica, or to the primary, which tells it. Its progress is in GET /v1/cluster.',
  auth: 'admin',
  params: Name,
  body: Type.Object({}, { additionalProperties: false }),
  bodyOptional: true,
  response: Ordered,
  statuses: [202],
  errors: ERRORS,
});

export const postMaintenance = defineEndpoint({
  method: 'POST',
  path: '/v1/nodes/:name/maintenance',
  summary:
    'Begins or ends the maintenance of this node: it hands the lead over and keeps none, and no other node is filled from it. Sent to that node itself.',
  auth: 'admin',
  params: Name,
  body: Type.Object({ on: Type.Boolean() }, { additionalProperties: false }),
  response: Type.Object({ node: Type.String(), maintenance: Type.Boolean() }, { title: 'Maintenance' }),
  errors: ['OTHER_NODE'],
});

export const postPromote = defineEndpoint({
  method: 'POST',
  path: '/v1/nodes/:name/promote',
  summary:
    'Makes this node the primary by force, after a majority of the voters was lost for good. What was acknowledged and is not in its log is given up. Without `confirm` it only tells what. Sent to that node itself; answered when it is open.',
  auth: 'admin',
  params: Name,
  body: Type.Object(
    {
      force: Type.Literal(true, { description: 'There is no other way: a switchover is another request.' }),
      confirm: Type.Optional(
        Type.String({
          description: 'The name of the cluster: do it. Without: only tells what would be given up.',
          minLength: 1,
        }),
      ),
      withShorterLog: Type.Optional(
        Type.Boolean({ description: 'Also when a member that answers has a longer log.' }),
      ),
    },
    { additionalProperties: false },
  ),
  response: PromotionSchema,
  errors: [
    'OTHER_NODE',
    'OTHER_CLUSTER',
    'FORCE_NOT_NEEDED',
    'FORCE_LOG_SHORTER',
    'FORCE_IMPOSSIBLE',
    'FORCE_UNFINISHED',
  ],
});

export const cancelReseed = defineEndpoint({
  method: 'DELETE',
  path: '/v1/nodes/:name/reseed',
  summary: 'Cancels the filling of a replica, until its old data is being replaced.',
  auth: 'admin',
  params: Name,
  response: Ordered,
  statuses: [202],
  errors: [...ERRORS, 'NOT_SEEDING', 'SEED_NOT_CANCELLABLE'],
});
