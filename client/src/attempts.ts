/** Whether a failed request may be sent again, and where. Pure. */
import type { SkeinError } from './error.js';

/**
 * `read`: changes nothing. `keyed`: a write that is done at most once, however often it is sent. `once`: neither.
 * `pinned`: for one node only, and never sent twice.
 */
export type Nature = 'read' | 'keyed' | 'once' | 'pinned';

export type Next =
  | { readonly kind: 'give up' }
  /** `elsewhere`: this node cannot help now. `delay`: wait before it, since nothing better is known. */
  | { readonly kind: 'again'; readonly elsewhere: boolean; readonly delay: boolean };

const GIVE_UP: Next = { kind: 'give up' };

export function afterFailure(error: SkeinError, nature: Nature): Next {
  if (nature === 'pinned') return GIVE_UP;
  switch (error.code) {
    case 'ABORTED':
    case 'TIMEOUT':
    case 'TX_ELSEWHERE':
    case 'TRANSACTION_LOST':
      return GIVE_UP;
    case 'NOT_PRIMARY':
    case 'WITNESS':
      return { kind: 'again', elsewhere: true, delay: error.primary === null };
    case 'POSITION_NOT_REACHED':
    case 'LAG_TOO_LARGE':
      return { kind: 'again', elsewhere: true, delay: false };
    case 'IDEMPOTENCY_KEY_IN_USE':
      return nature === 'keyed' ? { kind: 'again', elsewhere: false, delay: true } : GIVE_UP;
  }
  // Nothing of it has happened, or it does not matter how often it happens.
  const harmless = error.applied === 'no' || nature !== 'once';
  const nodeFailed = error.status === 0 || error.status >= 502 || error.code === 'BAD_ANSWER';
  // The database server's own errors come back the same, unless it says otherwise.
  const passing = error.retryable || (nodeFailed && !error.code.startsWith('ER_'));
  if (!harmless || !passing) return GIVE_UP;
  return { kind: 'again', elsewhere: nodeFailed, delay: true };
}

/** An answer about this attempt that says nothing about an earlier one whose answer was lost. */
export function leavesOpen(error: SkeinError): boolean {
  return error.status === 0 || [412, 421, 429].includes(error.status) || error.status >= 500;
}
