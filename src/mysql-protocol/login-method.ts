import { createHash, timingSafeEqual } from 'node:crypto';

/** How an account proves that it knows its password, without sending it. */
export interface LoginMethod {
  /** The server's name of the method. */
  readonly plugin: string;
  /** The answer to the server's nonce of 20 bytes. */
  answer(password: string, nonce: Buffer): Buffer;
  /** What a server sends before its OK when the answer is right; null: nothing. */
  readonly accepted: Buffer | null;
  /**
   * What a server sends when it cannot tell whether the answer is right: it wants the password itself, which a client sends
   * on a private connection only. Null: there is no such case.
   */
  readonly wantsPassword: Buffer | null;
}

function hash(algorithm: 'sha1' | 'sha256', ...parts: Uint8Array[]): Buffer {
  const state = createHash(algorithm);
  for (const part of parts) state.update(part);
  return state.digest();
}

function xor(a: Buffer, b: Buffer): Buffer {
  return Buffer.from(a.map((byte, i) => byte ^ (b[i] ?? 0)));
}

/** The answer is SHA1(password) XOR SHA1(nonce + SHA1(SHA1(password))). */
export const nativePassword: LoginMethod = {
  plugin: 'mysql_native_password',
  answer(password, nonce) {
    const stage1 = hash('sha1', Buffer.from(password));
    return xor(stage1, hash('sha1', nonce, hash('sha1', stage1)));
  },
  accepted: null,
  wantsPassword: null,
};

/**
 * MySQL's caching_sha2_password. The answer is SHA256(password) XOR SHA256(SHA256(SHA256(password)) + nonce). A server that was
 * just started stores only a slow hash, against which it cannot check that answer.
 */
export const cachingSha2Password: LoginMethod = {
  plugin: 'caching_sha2_password',
  answer(password, nonce) {
    const stage1 = hash('sha256', Buffer.from(password));
    return xor(stage1, hash('sha256', hash('sha256', stage1), nonce));
  },
  accepted: Buffer.from([1, 3]),
  wantsPassword: Buffer.from([1, 4]),
};

/** Compares in constant time. */
export function isRightAnswer(
  method: LoginMethod,
  { password, nonce, answer }: { password: string; nonce: Buffer; answer: Buffer },
): boolean {
  const expected = method.answer(password, nonce);
  return answer.length === expected.length && timingSafeEqual(answer, expected);
}
