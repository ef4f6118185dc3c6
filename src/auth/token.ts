/** Access tokens: 256 random bits, shown once, known afterwards only by their SHA-256. Pure. */
import { hash, randomBytes, timingSafeEqual } from 'node:crypto';

export const TOKEN_ROLES = ['read', 'write', 'admin'] as const;
export type TokenRole = (typeof TOKEN_ROLES)[number];

const PREFIX = 'skein_';
const TOKEN = /^skein_[A-Za-z0-9_-]{43}$/;

/** The prefix lets people and scanners recognise a leaked token. */
export function generateToken(): string {
  return PREFIX + randomBytes(32).toString('base64url');
}

export function isTokenShaped(text: string): boolean {
  return TOKEN.test(text);
}

/** Hex SHA-256. A fast hash is enough: 256 random bits cannot be guessed, unlike a password. */
export function hashToken(token: string): string {
  return hash('sha256', token);
}

export function sameHash(a: string, b: string): boolean {
  const left = Buffer.from(a, 'latin1');
  const right = Buffer.from(b, 'latin1');
  return left.length === right.length && timingSafeEqual(left, right);
}

export function roleCovers(role: TokenRole, needed: TokenRole): boolean {
  return TOKEN_ROLES.indexOf(role) >= TOKEN_ROLES.indexOf(needed);
}

/** The token of an `Authorization: Bearer ...` header; null when there is none. */
export function bearerToken(header: string | undefined): string | null {
  const match = header === undefined ? null : /^Bearer +([^\s]+) *$/i.exec(header);
  return match?.[1] ?? null;
}
