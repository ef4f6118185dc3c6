import type { Session } from './session.js';
import { cleanSession } from './session-cleaning.js';
import type { SessionPool } from './session-pool.js';

/** A session for one request, and what becomes of it afterwards. */
export interface SessionLease {
  readonly session: Session;
  /** Its transaction goes on after the request, also after one that failed. */
  readonly goesOn: boolean;
  /** `resetting`: the reset that was sent together with the last statement. The request does not wait for it. */
  release(outcome: { failed: boolean; resetting: Promise<void> | null }): void;
  /** Closes the session for good. */
  discard(): void;
}

/** A session of the pool, for one request. */
export function leaseOf(pool: SessionPool, session: Session): SessionLease {
  return {
    session,
    goesOn: false,
    release: ({ resetting }) => {
      (resetting ?? cleanSession(session)).then(
        () => pool.release(session),
        () => pool.discard(session),
      );
    },
    discard: () => pool.discard(session),
  };
}
