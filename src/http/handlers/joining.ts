import { ApiError } from '../../api/api-error.js';
import type { JoinTokenRecord } from '../../auth/join-tokens.js';
import type { JoinRequest } from '../../joining/exchange.js';
import { formatJoinToken, newJoinTokenId } from '../../joining/join-token.js';
import { formatPosition } from '../../model/position.js';
import type { Handler } from './context.js';

function shown({ id, createdAt, expiresAt, usedAt, usedBy, isExpired }: JoinTokenRecord) {
  const state = usedAt !== null ? 'used' : isExpired ? 'expired' : 'open';
  return { id, createdAt, expiresAt, usedAt, usedBy, state };
}

export const handleListJoinTokens: Handler = async (_request, { joinTokens }) => ({
  kind: 'json',
  body: { joinTokens: (await joinTokens.list()).map(shown) },
});

export const handleCreateJoinToken: Handler = async (request, { node, joinTokens }) => {
  const { expiresInSeconds } = { expiresInSeconds: 3600, ...(request.body as { expiresInSeconds?: number }) };
  const id = newJoinTokenId();
  const { position } = await joinTokens.create(id, expiresInSeconds);
  const made = (await joinTokens.list()).find((record) => record.id === id);
  const address = node.primaryHttp();
  if (!made || address === null) {
    throw new ApiError(503, 'NOT_OPEN', 'This node is not the open primary any more.', { retryable: true });
  }
  const token = formatJoinToken({ id, secret: node.joining.tokenSecret(id) });
  return {
    kind: 'json',
    status: 201,
    body: { ...shown(made), token, address },
    headers: { 'x-skein-position': formatPosition(position) },
    facts: { createdJoinToken: id },
  };
};

export const handleRevokeJoinToken: Handler = async (request, { joinTokens }) => {
  const id = request.params.id ?? '';
  const { position } = await joinTokens.revoke(id);
  return {
    kind: 'json',
    body: { id },
    headers: { 'x-skein-position': formatPosition(position) },
    facts: { revokedJoinToken: id },
  };
};

export const handleJoin: Handler = async (request, { joinDesk }) => {
  const body = request.body as JoinRequest;
  return {
    kind: 'json',
    body: await joinDesk.answer(body, request.address),
    facts: { joinToken: body.token, step: body.step },
  };
};
