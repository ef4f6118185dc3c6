import { SkeinError } from '../model/error.js';
import type { Position } from '../model/position.js';
import { EVENT, HEADER_AT, queryText } from '../mysql-protocol/events.js';
import type { EventPlace, Flavour, GroupGrammar } from '../mysql-protocol/flavour.js';
import { decodeXaMark, type XaMark } from '../mysql-protocol/mariadb-gtid.js';
import type { ServerErr } from '../mysql-protocol/packets.js';
import { type DumpTarget, openDump } from './dump-connection.js';
import { type EventSink, EventStream } from './event-stream.js';

/** What a stretch of the log says of XA. */
export interface XaLog {
  /** What was done last to each branch that is named there. */
  readonly branches: ReadonlyMap<string, 'prepare' | 'commit' | 'rollback'>;
  /** Whether there are ordinary transactions too: one of them may have been XA COMMIT ... ONE PHASE, which names no branch. */
  readonly ordinary: boolean;
}

/** Reads events, and looks only at what names a branch. */
export class XaLogReader implements EventSink {
  readonly branches = new Map<string, 'prepare' | 'commit' | 'rollback'>();
  ordinary = false;
  /** Ordinal of the last whole group. */
  ordinal: number;
  error: SkeinError | null = null;
  readonly #flavour: Flavour;
  readonly #grammar: GroupGrammar;
  #sequence = 0;
  #mark: XaMark | null = null;
  #largePlace: EventPlace = 'skip';

  constructor(flavour: Flavour, after: number) {
    this.#flavour = flavour;
    this.#grammar = flavour.grammar();
    this.ordinal = after;
  }

  event(event: Buffer): void {
    const place = this.#grammar.place(event);
    if (place === 'begin') {
      this.#mark = decodeXaMark(event);
      this.#sequence = this.#flavour.ordinalOf(this.#flavour.gtidText(this.#grammar.gtidOf(event).binary));
      if (this.#mark?.does === 'prepare') this.branches.set(this.#mark.branch, 'prepare');
    }
    if (this.#mark?.does === 'complete' && event[HEADER_AT.type] === EVENT.query) {
      const commits = queryText(event, true).toString('latin1', 0, 9) === 'XA COMMIT';
      this.branches.set(this.#mark.branch, commits ? 'commit' : 'rollback');
    }
    if (place === 'end') this.#end(event[HEADER_AT.type]);
  }

  #end(type: number | undefined): void {
    if (type === EVENT.xid) this.ordinary = true;
    this.ordinal = this.#sequence;
    this.#mark = null;
  }

  largeEvent(head: Buffer): void {
    this.#largePlace = this.#grammar.place(head);
  }

  largeEventPart(): void {}

  largeEventEnd(): void {
    if (this.#largePlace === 'end') this.#end(undefined);
  }

  ended({ message, errno }: ServerErr): void {
    this.error = failed(`${message} (${errno})`);
  }
}

/**
 * Reads the server's own log between two places.
 * @throws SkeinError DUMP_REFUSED, DUMP_UNREACHABLE, XA_LOG_UNREADABLE
 */
export async function readXaLog(
  options: { target: DumpTarget; serverId: number; after: Position; until: Position },
  modules: { flavour: Flavour; signal: AbortSignal },
): Promise<XaLog> {
  const { target, serverId, after, until } = options;
  const { flavour, signal } = modules;
  const reader = new XaLogReader(flavour, after.ordinal);
  if (until.ordinal <= after.ordinal) return reader;
  const heartbeatMs = HEARTBEAT_MS;
  const conversation = flavour.dumpConversation({
    serverId,
    after: after.gtid,
    semiSync: false,
    heartbeatMs,
  });
  const { socket, rest } = await openDump(target, conversation);
  const stream = new EventStream({ semiSync: false }, reader);
  const abort = () => socket.destroy();
  signal.addEventListener('abort', abort);
  socket.setTimeout(3 * HEARTBEAT_MS, abort);
  try {
    signal.throwIfAborted();
    stream.push(rest);
    if (reader.ordinal >= until.ordinal) return reader;
    for await (const chunk of socket) {
      stream.push(chunk as Buffer);
      if (reader.error) throw reader.error;
      if (reader.ordinal >= until.ordinal) return reader;
    }
    throw failed('the connection was closed');
  } finally {
    signal.removeEventListener('abort', abort);
    socket.destroy();
  }
}

const HEARTBEAT_MS = 5_000;

function failed(why: string): SkeinError {
  return new SkeinError('XA_LOG_UNREADABLE', `The server's log could not be read for XA branches: ${why}.`);
}
