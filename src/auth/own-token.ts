import { readFile } from 'node:fs/promises';
import { messageOf, SkeinError } from '../model/error.js';
import type { TokenRecord } from './system-schema.js';
import { hashToken } from './token.js';

/**
 * The only token of a node without a database: the admin token in its own file. It is read again each time, so that it can be
 * replaced while the node runs.
 * @throws SkeinError ADMIN_TOKEN_UNREADABLE
 */
export async function ownToken(file: string): Promise<readonly TokenRecord[]> {
  let text: string;
  try {
    text = (await readFile(file, 'utf8')).trim();
  } catch (error) {
    throw new SkeinError('ADMIN_TOKEN_UNREADABLE', `Cannot read ${file}: ${messageOf(error)}`, {
      cause: error,
    });
  }
  const unlimited = { createdAt: '', expiresAt: null, rateLimit: null, previous: null };
  return [{ id: 'own', name: 'admin.token', role: 'admin', hash: hashToken(text), ...unlimited }];
}
