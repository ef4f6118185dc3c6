/**
 * Join tokens: what a machine shows that wants to become a member. Pure.
 *
 * A token is a random id and 256 bits that follow from the id and the cluster's secret. So every member can check one, and
 * nothing that is stored of it (id, end, use) lets anybody join.
 */
import { createHmac, randomBytes } from 'node:crypto';

const ID_BYTES = 16;
/** `skein_` makes logs hide it (std/redact-tokens.ts). Id and secret have fixed lengths: base64url of 16 and 32 bytes. */
const TEXT = /^skein_join_([A-Za-z0-9_-]{22})([A-Za-z0-9_-]{43})$/;

export interface JoinToken {
  /** Public: it is stored, listed and logged. */
  readonly id: string;
  /** 32 bytes. */
  readonly secret: Buffer;
}

/** Begins with no `-`: `skein token revoke <id>` would take it for an option. */
export function newJoinTokenId(): string {
  for (;;) {
    const id = randomBytes(ID_BYTES).toString('base64url');
    if (!id.startsWith('-')) return id;
  }
}

/** The secret half of the token with this id; 32 bytes. */
export function joinSecretOf(clusterSecret: Uint8Array, id: string): Buffer {
  return createHmac('sha256', clusterSecret).update('skein join token\0').update(id).digest();
}

export function formatJoinToken({ id, secret }: JoinToken): string {
  return `skein_join_${id}${secret.toString('base64url')}`;
}

/** Null when the text is not a whole join token. */
export function parseJoinToken(text: string): JoinToken | null {
  const [, id, secret] = TEXT.exec(text.trim()) ?? [];
  return id === undefined || secret === undefined ? null : { id, secret: Buffer.from(secret, 'base64url') };
}
