import { ApiError } from '../../api/api-error.js';
import { newTokenId, type TokenRecord } from '../../auth/system-schema.js';
import { generateToken, hashToken, type TokenRole } from '../../auth/token.js';
import { formatPosition } from '../../model/position.js';
import type { Handler } from './context.js';

/** A change of tokens waits for its quorum like any other write. */
const TIMEOUT_MS = 10_000;

function shown(record: TokenRecord, lastUsedAt: string | null) {
  const { id, name, role, createdAt, expiresAt, rateLimit } = record;
  return { id, name, role, createdAt, expiresAt, rateLimit, lastUsedAt };
}

export const handleListTokens: Handler = async (_request, { tokens, tokenUse }) => {
  await tokens.refresh();
  const all = tokens.all();
  tokenUse.keepOnly(new Set(all.map(({ id }) => id)));
  return {
    kind: 'json',
    body: { tokens: all.map((record) => shown(record, tokenUse.lastUsedAt(record.id))) },
  };
};

export const handleOwnToken: Handler = ({ token }, { tokenUse }) => {
  // The endpoint needs a token, so there is one.
  if (token === null) throw new ApiError(401, 'UNAUTHORIZED', 'A token is needed.');
  return { kind: 'json', body: shown(token, tokenUse.lastUsedAt(token.id)) };
};

export const handleCreateToken: Handler = async (request, { tokens, tokenTable }) => {
  const { name, role, expiresAt, rateLimit } = request.body as {
    name: string;
    role: TokenRole;
    expiresAt?: string | null;
    rateLimit?: number | null;
  };
  const expires = expiresAt == null ? null : expiryText(expiresAt);
  const token = generateToken();
  const id = newTokenId();
  const limit = rateLimit == null ? null : String(rateLimit);
  const committed = await tokenTable.insert([id, name, role, hashToken(token), expires, limit], TIMEOUT_MS);
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
      rateLimit: rateLimit ?? null,
      lastUsedAt: null,
      token,
    },
    headers: { 'x-skein-position': formatPosition(committed.position) },
    facts: { createdToken: id, createdRole: role },
  };
};

export const handleRotateToken: Handler = async (request, { tokens, tokenTable }) => {
  const id = request.params.id ?? '';
  const { graceSeconds = 0 } = request.body as { graceSeconds?: number };
  const token = generateToken();
  const until = graceSeconds === 0 ? null : mysqlText(Date.now() + graceSeconds * 1000);
  const committed = await tokenTable.rotate(id, hashToken(token), until, TIMEOUT_MS);
  await tokens.refresh();
  return {
    kind: 'json',
    body: { id, token, previousUntil: until === null ? null : `${until.replace(' ', 'T')}Z` },
    headers: { 'x-skein-position': formatPosition(committed.position) },
    facts: { rotatedToken: id },
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
  if (time <= Date.now()) throw new ApiError(400, 'INVALID_FIELD', '"expiresAt" is in the past.');
  return mysqlText(time);
}

function mysqlText(time: number): string {
  return new Date(time).toISOString().slice(0, 23).replace('T', ' ');
}
