import { createHash, timingSafeEqual } from 'node:crypto';

/**
 * caching_sha2_password, MySQL's default plug-in: the fast answer
 * SHA256(password) XOR SHA256(SHA256(SHA256(password)) + nonce). A side that knows the password can always check it,
 * so neither RSA nor TLS is needed between a node and its own server.
 */
export const CACHING_SHA2 = 'caching_sha2_password';
/** AuthMoreData: the fast answer was right, OK follows. */
export const FAST_AUTH_OK = Buffer.from([0x01, 0x03]);

const sha256 = (...parts: Uint8Array[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** The 32-byte answer to a 20-byte nonce. */
export function cachingSha2Answer(password: string, nonce: Buffer): Buffer {
  const stage1 = sha256(Buffer.from(password));
  const mask = sha256(sha256(stage1), nonce);
  return Buffer.from(stage1.map((byte, i) => byte ^ (mask[i] ?? 0)));
}

/** Compares in constant time. */
export function cachingSha2Matches(password: string, nonce: Buffer, answer: Buffer): boolean {
  const expected = cachingSha2Answer(password, nonce);
  return answer.length === expected.length && timingSafeEqual(answer, expected);
}
