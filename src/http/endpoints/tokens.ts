import { Type } from '@sinclair/typebox';
import { CHANGE_ERRORS } from '../../api/errors.js';
import { TOKEN_ROLES } from '../../auth/token.js';
import { defineEndpoint } from './definition.js';

const Role = Type.Union(TOKEN_ROLES.map((role) => Type.Literal(role)));
const ExpiresAt = Type.Union([Type.String(), Type.Null()], {
  description: 'ISO time in UTC; null = never.',
});

const RateLimit = Type.Union([Type.Integer({ minimum: 1, maximum: 1_000_000 }), Type.Null()], {
  description: 'Requests per second on each node, above which the answer is 429; null = no limit.',
});

const Token = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    role: Role,
    createdAt: Type.String(),
    expiresAt: ExpiresAt,
    rateLimit: RateLimit,
    lastUsedAt: Type.Union([Type.String(), Type.Null()], {
      description: 'ISO time of the last request with it on the node that answers; null = none known.',
    }),
  },
  { title: 'Token' },
);

export const getTokens = defineEndpoint({
  method: 'GET',
  path: '/v1/tokens',
  summary: 'All tokens, without their texts.',
  auth: 'admin',
  response: Type.Object({ tokens: Type.Array(Token) }, { title: 'TokenList' }),
});

export const getOwnToken = defineEndpoint({
  method: 'GET',
  path: '/v1/token',
  summary: 'The token of this very request, without its text: what it is called, and what it may do.',
  auth: 'read',
  response: Token,
});

export const postTokens = defineEndpoint({
  method: 'POST',
  path: '/v1/tokens',
  summary: 'Creates a token. Its text is in this answer only.',
  auth: 'admin',
  body: Type.Object(
    {
      name: Type.String({ minLength: 1, maxLength: 100 }),
      role: Role,
      expiresAt: Type.Optional(ExpiresAt),
      rateLimit: Type.Optional(RateLimit),
    },
    { additionalProperties: false },
  ),
  response: Type.Composite([Token, Type.Object({ token: Type.String() })], { title: 'NewToken' }),
  statuses: [201],
  errors: CHANGE_ERRORS,
});

export const deleteToken = defineEndpoint({
  method: 'DELETE',
  path: '/v1/tokens/:id',
  summary: 'Revokes a token on every node, within about a second.',
  auth: 'admin',
  params: Type.Object({ id: Type.String({ minLength: 1, maxLength: 64 }) }),
  response: Type.Object({ id: Type.String() }, { title: 'RevokedToken' }),
  errors: CHANGE_ERRORS,
});

/** A day: long enough for a slow roll-out, too short to be forgotten. */
const GRACE_MAX_S = 86_400;

export const rotateToken = defineEndpoint({
  method: 'POST',
  path: '/v1/tokens/:id/rotate',
  summary: 'Gives a token a new text, which is in this answer only. The old one can stay valid for a while.',
  auth: 'admin',
  params: Type.Object({ id: Type.String({ minLength: 1, maxLength: 64 }) }),
  body: Type.Object(
    {
      graceSeconds: Type.Optional(
        Type.Integer({
          minimum: 0,
          maximum: GRACE_MAX_S,
          default: 0,
          description: 'How long the old token text stays valid.',
        }),
      ),
    },
    { additionalProperties: false },
  ),
  response: Type.Object(
    {
      id: Type.String(),
      token: Type.String(),
      previousUntil: Type.Union([Type.String(), Type.Null()]),
    },
    { title: 'RotatedToken' },
  ),
  errors: CHANGE_ERRORS,
});
