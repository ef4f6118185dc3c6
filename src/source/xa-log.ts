import { EVENT, HEADER_AT, queryText } from '../mysql-protocol/events.js';
import type { EventPlace, Flavour, GroupGrammar } from '../mysql-protocol/flavour.js';
import { decodeXaMark, type XaMark } from '../mysql-protocol/mariadb-gtid.js';
import { type LogRange, type LogReader, readLogUntil } from './read-log.js';

/** The XA branches in a range of the log. */
export interface XaLog {
  /** The last operation on each branch that the range names. */
  readonly branches: ReadonlyMap<string, 'prepare' | 'commit' | 'rollback'>;
  /** Whether the range has ordinary transactions. One of them may be XA COMMIT ... ONE PHASE, which names no branch. */
  readonly ordinary: boolean;
  /** For each branch, the ordinal of the last group that prepared it. */
  readonly preparedAt: ReadonlyMap<string, number>;
}

/** Collects the XA branches from the events of a log. */
export class XaLogReader implements LogReader {
  readonly branches = new Map<string, 'prepare' | 'commit' | 'rollback'>();
  readonly preparedAt = new Map<string, number>();
  ordinary = false;
  /** Ordinal of the last complete group. */
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
 * Reads the XA branches in a range of the server's log.
 * @throws SkeinError as readLogUntil
 */
export async function readXaLog(
  range: LogRange,
  modules: { flavour: Flavour; signal: AbortSignal },
): Promise<XaLog> {
  const reader = new XaLogReader(modules.flavour, range.after.ordinal);
  await readLogUntil(range, reader, modules);
  return reader;
}
