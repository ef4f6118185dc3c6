import type { ReplicaSession } from '../../../link/listener-session.js';
import { SkeinError } from '../../../model/error.js';
import type { VerifyAnswer, VerifyQuestion } from '../../../wire/verify-messages.js';

let lastId = 0;

/** Longer than every time limit of the replica for a question. */
const ANSWER_MAX_MS = 75_000;

export type Answered<Kind extends VerifyAnswer['kind']> = Extract<VerifyAnswer, { kind: Kind }>;

/**
 * Sends one question to one replica, and resolves with its answer.
 * @throws SkeinError VERIFY_GONE (the link ended, or there was no answer), VERIFY_FAILED (with the replica's reason),
 * FRAME_TOO_LARGE
 */
export function askPeer<Kind extends VerifyAnswer['kind']>(
  session: ReplicaSession,
  what: VerifyQuestion,
  wanted: Kind,
): Promise<Answered<Kind>> {
  const id = ++lastId;
  return new Promise((resolve, reject) => {
    const settle = (error: SkeinError | null, answer?: Answered<Kind>) => {
      clearTimeout(timer);
      offAnswer();
      offClosed();
      if (error) reject(error);
      else resolve(answer as Answered<Kind>);
    };
    const fail = (code: string, reason: string) => settle(new SkeinError(code, reason));
    const timer = setTimeout(() => fail('VERIFY_GONE', 'It did not answer.'), ANSWER_MAX_MS);
    const offAnswer = session.onVerify.on((reply) => {
      if (reply.id !== id) return;
      if (reply.what.kind === wanted) settle(null, reply.what as Answered<Kind>);
      else
        fail(
          'VERIFY_FAILED',
          reply.what.kind === 'failed' ? reply.what.reason : 'It sent an answer to another question.',
        );
    });
    const offClosed = session.onClosed.on(() => fail('VERIFY_GONE', 'Its link ended.'));
    try {
      session.askVerify({ id, what });
    } catch (error) {
      settle(error as SkeinError);
    }
  });
}
