import { Type } from '@sinclair/typebox';
import { CHANGE_KINDS } from '../../model/status.js';
import { defineEndpoint } from './definition.js';

const TextOrNull = Type.Union([Type.String(), Type.Null()]);

const place = {
  name: Type.String({ pattern: '^[a-z0-9][a-z0-9_-]{0,62}$' }),
  link: Type.Object(
    {
      host: Type.String({ minLength: 1, maxLength: 253 }),
      port: Type.Integer({ minimum: 1, maximum: 65535 }),
    },
    { additionalProperties: false },
  ),
  http: Type.String({
    pattern: '^https?://[^/]+$',
    maxLength: 300,
    description: 'Base address of its HTTP.',
  }),
  mysqlRw: Type.Union([Type.String({ maxLength: 300 }), Type.Null()]),
  mysqlRo: Type.Union([Type.String({ maxLength: 300 }), Type.Null()]),
  witness: Type.Optional(
    Type.Boolean({ description: 'It has no database server: it keeps the log and votes.' }),
  ),
};

export const Change = Type.Union(
  [
    Type.Object({
      kind: Type.Union(CHANGE_KINDS.map((kind) => Type.Literal(kind))),
      member: Type.String(),
      since: Type.String(),
      waitsFor: Type.String({ description: 'In plain words.' }),
    }),
    Type.Null(),
  ],
  { description: 'The change that is in force and not yet on a majority of the old and of the new list.' },
);

const List = Type.Object(
  {
    cluster: Type.String(),
    clusterId: Type.String({ description: 'Random id, made when the cluster was founded.' }),
    epoch: Type.Integer(),
    number: Type.Integer({ description: 'Number of the list, within its epoch.' }),
    primary: TextOrNull,
    members: Type.Array(
      Type.Object(
        {
          ...place,
          name: Type.String(),
          incarnation: Type.String({
            description: "Identifies the disk of the member; '' until it is a voter.",
          }),
          voter: Type.Boolean({ description: 'Whether it counts in the quorum; if not, it is a learner.' }),
        },
        { title: 'ListedMember' },
      ),
    ),
    change: Change,
  },
  { title: 'MemberList' },
);

const ERRORS = ['NOT_PRIMARY', 'NO_QUORUM', 'CHANGE_PENDING'] as const;

export const getMembers = defineEndpoint({
  method: 'GET',
  path: '/v1/members',
  summary:
    'The list of members as this node knows it: names, addresses, and which members count in the quorum.',
  auth: 'admin',
  response: List,
});

export const postMembers = defineEndpoint({
  method: 'POST',
  path: '/v1/members',
  summary:
    'Adds a member, as a learner. The primary makes it a voter when it has everything that is committed.',
  auth: 'admin',
  body: Type.Object(place, { additionalProperties: false }),
  response: List,
  errors: [...ERRORS, 'MEMBER_EXISTS', 'MEMBERS_FULL', 'WITNESS_TOO_MANY'],
});

export const deleteMember = defineEndpoint({
  method: 'DELETE',
  path: '/v1/members/:name',
  summary: 'Removes a member. Its node keeps its data and stops following.',
  auth: 'admin',
  params: Type.Object({ name: Type.String({ minLength: 1, maxLength: 63 }) }),
  response: List,
  errors: [...ERRORS, 'MEMBER_IS_PRIMARY'],
});
