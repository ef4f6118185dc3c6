import { connect, type Socket } from 'node:net';
import { messageOf, SkeinError } from '../model/error.js';
import type { Clock } from '../std/clock.js';
import { FORWARD_MARKER } from './forward-marker.js';
import type { Target } from './gate.js';
import { refusalIn } from './refusal.js';

/** Dead peers are noticed after about this and ten probes of one second (libuv's own interval). */
export const KEEP_ALIVE_MS = 30_000;

export interface Dialled {
  readonly socket: Socket;
  /** What the server said first; the socket is paused behind it. */
  readonly greeting: Buffer;
}

/**
 * Connects and waits for the first bytes: a server that starts or ends accepts and hangs up, and a stopped process accepts
 * and stays silent. Before the first byte reaches it, a client can still be refused with a reason.
 * @throws SkeinError MYSQL_TARGET_UNREACHABLE, MYSQL_TARGET_SILENT; the signal's reason
 */
export function dial(
  target: Target,
  options: { deadlineMs: number; signal: AbortSignal; clock: Clock },
): Promise<Dialled> {
  const { deadlineMs, signal, clock } = options;
  const { host, port, localAddress, forwards } = target;
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port,
      ...(localAddress === undefined ? {} : { localAddress }),
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
    });
    if (forwards) socket.write(FORWARD_MARKER);
    const finish = () => {
      clock.clearTimer(timer);
      signal.removeEventListener('abort', onAbort);
      socket.removeListener('data', onData);
      socket.removeListener('end', onEnd);
      socket.removeListener('error', onError);
    };
    const fail = (error: unknown) => {
      finish();
      socket.on('error', () => {});
      socket.destroy();
      reject(error as Error);
    };
    const at = `${host}:${port}`;
    const onData = (greeting: Buffer) => {
      const refusal = forwards ? refusalIn(greeting) : null;
      if (refusal !== null) {
        fail(new SkeinError('MYSQL_TARGET_UNREACHABLE', `${at} takes no clients now: ${refusal}`));
        return;
      }
      socket.pause();
      finish();
      resolve({ socket, greeting });
    };
    const onEnd = () => fail(new SkeinError('MYSQL_TARGET_UNREACHABLE', `${at} hung up without a greeting.`));
    const onError = (error: Error) =>
      fail(
        new SkeinError('MYSQL_TARGET_UNREACHABLE', `${at} cannot be reached: ${messageOf(error)}.`, {
          cause: error,
          data: { errno: (error as NodeJS.ErrnoException).code },
        }),
      );
    const onAbort = () => fail(signal.reason);
    const timer = clock.setTimer(deadlineMs, () =>
      fail(new SkeinError('MYSQL_TARGET_SILENT', `${at} did not greet within ${deadlineMs} ms.`)),
    );
    socket.on('data', onData);
    socket.on('end', onEnd);
    socket.on('error', onError);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}
