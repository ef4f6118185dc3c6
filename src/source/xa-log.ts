import { EVENT, HEADER_AT, queryText } from '../mysql-protocol/events.js';
import type { EventPlace, Flavour, GroupGrammar } from '../mysql-protocol/flavour.js';
import { decodeXaMark, type XaMark } from '../mysql-protocol/mariadb-gtid.js';
import { type LogReader, type LogStretch, readLogUntil } from './read-log.js';

/** What a stretch of the log says of XA. */
export interface XaLog {
  /** What was done last to each branch that is named there. */
  readonly branches: ReadonlyMap<string, 'prepare' | 'commit' | 'rollback'>;
  /** Whether there are ordinary transactions too: one of them may have been XA COMMIT ... ONE PHASE, which names no branch. */
  readonly ordinary: boolean;
  /** Ordinal of the group that prepared it last. */
  readonly preparedAt: ReadonlyMap<string, number>;
}

/** Reads events, and looks only at what names a branch. */
export class XaLogReader implements LogReader {
  readonly branches = new Map<string, 'prepare' | 'commit' | 'rollback'>();
  readonly preparedAt = new Map<string, number>();
  ordinary = false;
  /** Ordinal of the last whole group. */
  ordinal: number;
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
      if (this.#mark?.does === 'prepare') {
        this.branches.set(this.#mark.branch, 'prepare');
        this.preparedAt.set(this.#mark.branch, this.#sequence);
      }
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
}

/**
 * What a stretch of the server's log says of XA.
 * @throws SkeinError as readLogUntil
 */
export async function readXaLog(
  stretch: LogStretch,
  modules: { flavour: Flavour; signal: AbortSignal },
): Promise<XaLog> {
  const reader = new XaLogReader(modules.flavour, stretch.after.ordinal);
  await readLogUntil(stretch, reader, modules);
  return reader;
}
