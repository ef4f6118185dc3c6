import { Type } from '@sinclair/typebox';
import { CHANGE_ERRORS } from '../../api/errors.js';
import { defineEndpoint } from './definition.js';

const Id = Type.String({ pattern: '^[A-Za-z0-9_-]{22}$' });
const Time = Type.String({ description: 'ISO time in UTC.' });

const JoinToken = Type.Object(
  {
    id: Id,
    createdAt: Time,
    expiresAt: Time,
    usedAt: Type.Union([Time, Type.Null()]),
    usedBy: Type.Union([Type.String(), Type.Null()], { description: 'Name of the member that used it.' }),
    state: Type.Union(['open', 'used', 'expired'].map((state) => Type.Literal(state))),
  },
  { title: 'JoinToken' },
);

export const getJoinTokens = defineEndpoint({
  method: 'GET',
  path: '/v1/join-tokens',
  summary: 'Join tokens of the last day, without their secrets.',
  auth: 'admin',
  response: Type.Object({ joinTokens: Type.Array(JoinToken) }, { title: 'JoinTokenList' }),
  errors: ['SERVER_DOWN'],
});

export const postJoinTokens = defineEndpoint({
  method: 'POST',
  path: '/v1/join-tokens',
  summary:
    'Makes a token with which one machine may become a member within an hour. Its text is in this answer only.',
  auth: 'admin',
  bodyOptional: true,
  body: Type.Object(
    {
      expiresInSeconds: Type.Optional(Type.Integer({ minimum: 1, maximum: 3600, default: 3600 })),
    },
    { additionalProperties: false },
  ),
  response: Type.Composite(
    [
      JoinToken,
      Type.Object({
        token: Type.String(),
        address: Type.String({
          description: 'Base address of the HTTP of this node, for the joining machine.',
        }),
      }),
    ],
    { title: 'NewJoinToken' },
  ),
  statuses: [201],
  errors: CHANGE_ERRORS,
});

export const deleteJoinToken = defineEndpoint({
  method: 'DELETE',
  path: '/v1/join-tokens/:id',
  summary: 'Revokes a join token. A member that used it stays.',
  auth: 'admin',
  params: Type.Object({ id: Id }),
  response: Type.Object({ id: Type.String() }, { title: 'RevokedJoinToken' }),
  errors: CHANGE_ERRORS,
});

const Bytes32 = Type.String({ pattern: '^[A-Za-z0-9_-]{43}$', description: '32 bytes as base64url.' });

export const postJoin = defineEndpoint({
  method: 'POST',
  path: '/v1/join',
  summary:
    'One step of the join exchange (docs/security.md), for `skein join`. The request is authenticated by its proof, not by a bearer token.',
  auth: null,
  body: Type.Object(
    {
      protocol: Type.Integer(),
      step: Type.Union(['check', 'join'].map((step) => Type.Literal(step))),
      token: Type.String({ pattern: '^[A-Za-z0-9_-]{22}$', description: 'Id of the join token.' }),
      key: Bytes32,
      details: Type.String({ maxLength: 4096, description: 'JSON that describes the joining machine.' }),
      proof: Bytes32,
    },
    { additionalProperties: false },
  ),
  response: Type.Object(
    {
      key: Bytes32,
      sealed: Type.String({ description: 'base64url; only the joining machine can decrypt it.' }),
    },
    { title: 'JoinAnswer' },
  ),
  errors: [
    ...CHANGE_ERRORS,
    'NOT_OPEN',
    'WITNESS',
    'TOO_MANY_FAILURES',
    'JOIN_TOKEN_UNKNOWN',
    'JOIN_TOKEN_USED',
    'JOIN_TOKEN_EXPIRED',
    'JOIN_VERSION',
    'CHANGE_PENDING',
    'MEMBER_EXISTS',
    'MEMBERS_FULL',
    'WITNESS_TOO_MANY',
    'SERVER_UNSUITABLE',
    'DISK_TOO_SMALL',
    'CERTIFICATE_NEEDED',
    'ADDRESS_LOCAL',
    'JOINER_UNREACHABLE',
  ],
});
