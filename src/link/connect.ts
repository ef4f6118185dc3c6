import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { isSkeinError, messageOf, SkeinError } from '../model/error.js';
import { type LinkAddress, linkText } from '../model/members.js';
import type { Clock } from '../std/clock.js';
import type { TlsSource } from '../std/tls-source.js';
import type { ReadBuffer } from './read-buffer.js';
import { secure } from './tls.js';

export interface ConnectOptions {
  /** Whom this end means, for errors: `the primary`. */
  readonly peer: string;
  readonly tls: TlsSource | null | undefined;
  /** For the connection and its TLS together. */
  readonly deadlineMs: number;
  /** Without TLS only: a TLS socket reads by itself. */
  readonly reads?: ReadBuffer | undefined;
}

/**
 * A connection to a link port, with TLS where the node has it.
 * @throws SkeinError LINK_UNREACHABLE, LINK_TLS_FAILED; the signal's reason
 */
export async function connectLink(
  address: LinkAddress,
  { peer, tls, deadlineMs, reads }: ConnectOptions,
  signal: AbortSignal,
  clock: Clock,
): Promise<Socket> {
  const { host, port } = address;
  const socket = createConnection({ host, port, ...(reads && { onread: reads.onread }) });
  const late = new AbortController();
  const timer = clock.setTimer(deadlineMs, () => late.abort());
  const deadline = AbortSignal.any([signal, late.signal]);
  try {
    await once(socket, 'connect', { signal: deadline });
    return tls ? await secure(socket, tls, { host, peer, signal: deadline }) : socket;
  } catch (error) {
    socket.destroy();
    if (signal.aborted) throw signal.reason;
    if (isSkeinError(error)) throw error;
    const what = late.signal.aborted ? 'it does not answer' : messageOf(error);
    throw new SkeinError(
      'LINK_UNREACHABLE',
      `The link port ${linkText(address)} of ${peer} cannot be reached: ${what}`,
      { cause: error },
    );
  } finally {
    clock.clearTimer(timer);
  }
}

/** Whether nothing listens there, on a machine that answers: whatever address the host's name has. */
export function isRefused({ code, cause }: SkeinError): boolean {
  if (code !== 'LINK_UNREACHABLE') return false;
  const faults: unknown[] = cause instanceof AggregateError ? cause.errors : [cause];
  return (
    faults.length > 0 && faults.every((fault) => (fault as NodeJS.ErrnoException)?.code === 'ECONNREFUSED')
  );
}
