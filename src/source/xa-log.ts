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
  /** For each branch, the ordinal of the group that did this. */
  readonly lastAt: ReadonlyMap<string, number>;
  /** Ordinal of the last group that is not of XA; 0 = none. */
  readonly lastOther: number;
}

/** Collects the XA branches from the events of a log. */
export class XaLogReader implements LogReader {
  readonly branches = new Map<string, 'prepare' | 'commit' | 'rollback'>();
  readonly lastAt = new Map<string, number>();
  ordinary = false;
  lastOther = 0;
  /** Ordinal of the last complete group. */
  ordinal: number;
  readonly #flavour: Flavour;
  readonly #grammar: GroupGrammar;
  readonly #until: number;
  #sequence = 0;
  #mark: XaMark | null = null;
  #largePlace: EventPlace = 'skip';

  constructor(flavour: Flavour, after: number, until: number) {
    this.#flavour = flavour;
    this.#grammar = flavour.grammar();
    this.ordinal = after;
    this.#until = until;
  }

  event(event: Buffer): void {
    const place = this.#grammar.place(event);
    // A read may return events after `until`.
    if (this.ordinal >= this.#until) return;
    if (place === 'begin') {
      this.#mark = decodeXaMark(event);
      this.#sequence = this.#flavour.ordinalOf(this.#flavour.gtidText(this.#grammar.gtidOf(event).binary));
      if (this.#mark?.does === 'prepare') this.#note(this.#mark.branch, 'prepare');
    }
    if (this.#mark?.does === 'complete' && event[HEADER_AT.type] === EVENT.query) {
      const commits = queryText(event, true).toString('latin1', 0, 9) === 'XA COMMIT';
      this.#note(this.#mark.branch, commits ? 'commit' : 'rollback');
    }
    if (place === 'end') this.#end(event[HEADER_AT.type]);
  }

  #note(branch: string, what: 'prepare' | 'commit' | 'rollback'): void {
    this.branches.set(branch, what);
    this.lastAt.set(branch, this.#sequence);
  }

  #end(type: number | undefined): void {
    if (type === EVENT.xid) this.ordinary = true;
    if (this.#mark === null) this.lastOther = this.#sequence;
    this.ordinal = this.#sequence;
    this.#mark = null;
  }

  largeEvent(head: Buffer): void {
    this.#largePlace = this.#grammar.place(head);
  }

  largeEventPart(): void {}

  largeEventEnd(): void {
    if (this.#largePlace === 'end' && this.ordinal < this.#until) this.#end(undefined);
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
  const reader = new XaLogReader(modules.flavour, range.after.ordinal, range.until.ordinal);
  await readLogUntil(range, reader, modules);
  return reader;
}
