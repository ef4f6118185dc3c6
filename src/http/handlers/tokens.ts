import { newTokenId, type TokenRecord } from '../../auth/system-schema.js';
import { generateToken, hashToken, type TokenRole } from '../../auth/token.js';
import { formatPosition } from '../../model/position.js';
import { ApiError } from '../api-error.js';
import type { Handler } from './context.js';

/** A change of tokens waits for its quorum like any other write. */
const TIMEOUT_MS = 10_000;

function shown(record: TokenRecord) {
  const { id, name, role, createdAt, expiresAt } = record;
  return { id, name, role, createdAt, expiresAt };
}

export const handleListTokens: Handler = async (_request, { tokens }) => {
  await tokens.refresh();
  return { kind: 'json', body: { tokens: tokens.all().map(shown) } };
};

export const handleCreateToken: Handler = async (request, { tokens, tokenTable }) => {
  const { name, role, expiresAt } = request.body as {
    name: string;
    role: TokenRole;
    expiresAt?: string | null;
  };
  const expires = expiresAt == null ? null : expiryText(expiresAt);
  const token = generateToken();
  const id = newTokenId();
  const committed = await tokenTable.insert([id, name, role, hashToken(token), expires], TIMEOUT_MS);
  await tokens.refresh();
  return {
    kind: 'json',
    status: 201,
    body: {
      id,
      name,
      role,
      createdAt: tokens.all().find((record) => record.id === id)?.createdAt ?? new Date().toISOString(),
      expiresAt: expires === null ? null : `${expires.replace(' ', 'T')}Z`,
      token,
    },
    headers: { 'x-skein-position': formatPosition(committed.position) },
    facts: { createdToken: id, createdRole: role },
  };
};

export const handleDeleteToken: Handler = async (request, { tokens, tokenTable }) => {
  const id = request.params.id ?? '';
  const committed = await tokenTable.delete(id, TIMEOUT_MS);
  await tokens.refresh();
  return {
    kind: 'json',
    body: { id },
    headers: { 'x-skein-position': formatPosition(committed.position) },
    facts: { revokedToken: id },
  };
};

/** MySQL's UTC text with milliseconds. */
function expiryText(text: string): string {
  const time = /^\d{4}-\d{2}-\d{2}T[\d:.]+(?:Z|[+-]\d{2}:\d{2})$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) {
    throw new ApiError(400, 'INVALID_FIELD', '"expiresAt" must be an ISO time like 2027-01-31T00:00:00Z.');
  }
  if (time <= Date.now()) throw new ApiError(400, 'INVALID_FIELD', '"expiresAt" is over already.');
  return new Date(time).toISOString().slice(0, 23).replace('T', ' ');
}
