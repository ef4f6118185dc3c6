import { messageOf } from '../model/error.js';
import type { KillJudge } from '../mysql-port/pipe.js';
import { monotonicMs } from '../std/clock.js';
import type { Logger } from '../std/logger.js';
import { sleep } from '../std/timing.js';

/** A commit with its quorum is answered within milliseconds. A commit without it may wait for hours. */
const HOLD_MS = 1_000;
const POLL_MS = 25;

/**
 * MariaDB ends the wait of a killed session and answers OK, as if the quorum had the transaction (rule C1). So a KILL is
 * held until its target session is no longer committing, and is refused after `HOLD_MS`.
 */
export function killJudge(modules: {
  logger: Logger;
  committingSessions(): Promise<readonly { readonly id: number; readonly queryId: number }[]>;
}): KillJudge {
  return async (kill) => {
    if (kill.kind === 'later') {
      return 'Skein: not killed: send KILL as a statement of its own, because Skein cannot check a KILL that runs later.';
    }
    const deadline = monotonicMs() + HOLD_MS;
    try {
      for (;;) {
        const committing = await modules.committingSessions();
        const meant = committing.find(
          ({ id, queryId }) =>
            kill.kind === 'any' || (kill.kind === 'session' ? id === kill.id : queryId === kill.queryId),
        );
        if (!meant) return null;
        if (monotonicMs() > deadline) {
          modules.logger.warn({ session: meant.id }, 'KILL of a waiting commit refused');
          return `Skein: not killed: session ${meant.id} waits for its quorum, and the server would answer OK to a killed commit without it.`;
        }
        await sleep(POLL_MS);
      }
    } catch (error) {
      modules.logger.warn(
        { reason: messageOf(error) },
        'KILL refused: the server does not say which sessions commit',
      );
      return 'Skein: not killed: the server does not say whether that session waits for its quorum.';
    }
  };
}
