import { Type } from '@sinclair/typebox';
import { TOKEN_ROLES } from '../../auth/token.js';
import { defineEndpoint } from './definition.js';

const Role = Type.Union(TOKEN_ROLES.map((role) => Type.Literal(role)));
const ExpiresAt = Type.Union([Type.String(), Type.Null()], {
  description: 'ISO time in UTC; null = never.',
});

const Token = Type.Object({
  id: Type.String(),
  name: Type.String(),
  role: Role,
  createdAt: Type.String(),
  expiresAt: ExpiresAt,
});

export const getTokens = defineEndpoint({
  method: 'GET',
  path: '/v1/tokens',
  summary: 'All tokens, without what is secret.',
  auth: 'admin',
  response: Type.Object({ tokens: Type.Array(Token) }),
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
    },
    { additionalProperties: false },
  ),
  response: Type.Composite([Token, Type.Object({ token: Type.String() })]),
});

export const deleteToken = defineEndpoint({
  method: 'DELETE',
  path: '/v1/tokens/:id',
  summary: 'Revokes a token on every node, within about a second.',
  auth: 'admin',
  params: Type.Object({ id: Type.String({ minLength: 1, maxLength: 64 }) }),
  response: Type.Object({ id: Type.String() }),
});
