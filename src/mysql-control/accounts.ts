import { createHmac } from 'node:crypto';
import type { AccountName } from '../flavour/accounts.js';

/**
 * The password of an account, or of the endpoint (`skein_endpoint`), in a cluster with this secret. `skein_outcomes` is not an
 * account: its password is the key with which outcomes are named and sealed. No client may know it.
 */
export function accountPassword(
  secret: Buffer,
  name: AccountName | 'skein_endpoint' | 'skein_outcomes',
): string {
  return createHmac('sha256', secret).update(`account:${name}`).digest('base64url');
}

/** The password of an application's account. A new salt gives a new password. */
export function userPassword(secret: Buffer, { name, salt }: { name: string; salt: string }): string {
  return createHmac('sha256', secret).update(`user:${name}:${salt}`).digest('base64url');
}
