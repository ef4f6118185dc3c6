import type { LogFlavour } from '../flavour/flavour.js';
import type { Chain } from '../model/chain.js';
import { SkeinError } from '../model/error.js';
import type { Position } from '../model/position.js';
import { type DumpTarget, openDump } from './dump-connection.js';
import { type EventSink, EventStream } from './event-stream.js';

/** A part of the server's own log: the groups after `after`, up to and including `until`. */
export interface LogRange {
  readonly target: DumpTarget;
  readonly serverId: number;
  readonly after: Position;
  readonly until: Position;
}

export interface LogReaderModules {
  readonly flavour: LogFlavour;
  readonly chain: () => Chain;
  readonly signal: AbortSignal;
}

/** Takes the events of a range. */
export interface LogReader extends Omit<EventSink, 'ended'> {
  /** Ordinal of the last complete group. */
  readonly ordinal: number;
}

const HEARTBEAT_MS = 5_000;

/**
 * Reads a range of the server's own log.
 * @throws SkeinError DUMP_REFUSED, DUMP_UNREACHABLE, XA_LOG_UNREADABLE
 */
export async function readLogUntil(
  { target, serverId, after, until }: LogRange,
  reader: LogReader,
  { flavour, chain, signal }: LogReaderModules,
): Promise<void> {
  if (until.ordinal <= after.ordinal) return;
  const conversation = flavour.dumpConversation({
    serverId,
    after,
    chain: chain(),
    semiSync: false,
    heartbeatMs: HEARTBEAT_MS,
  });
  const { socket, rest } = await openDump(target, conversation);
  let error: SkeinError | null = null;
  const stream = new EventStream(
    { semiSync: false },
    {
      event: (event, wantsAck) => reader.event(event, wantsAck),
      largeEvent: (head, wantsAck) => reader.largeEvent(head, wantsAck),
      largeEventPart: (bytes) => reader.largeEventPart(bytes),
      largeEventEnd: () => reader.largeEventEnd(),
      ended: ({ message, errno }) => {
        error = failed(`${message} (${errno})`);
      },
    },
  );
  const abort = () => socket.destroy();
  signal.addEventListener('abort', abort);
  socket.setTimeout(3 * HEARTBEAT_MS, abort);
  try {
    signal.throwIfAborted();
    stream.push(rest);
    if (reader.ordinal >= until.ordinal) return;
    for await (const chunk of socket) {
      stream.push(chunk as Buffer);
      if (error) throw error;
      if (reader.ordinal >= until.ordinal) return;
    }
    throw failed('the connection was closed');
  } finally {
    signal.removeEventListener('abort', abort);
    socket.destroy();
  }
}

function failed(why: string): SkeinError {
  return new SkeinError('XA_LOG_UNREADABLE', `The server's log could not be read for XA branches: ${why}.`);
}
