import type { EventPlace, GroupGrammar, LogFlavour, XaMark } from '../flavour/flavour.js';
import { EVENT, HEADER_AT } from '../mysql-protocol/events.js';
import { type LogRange, type LogReader, type LogReaderModules, readLogUntil } from './read-log.js';

/** The XA branches in a range of the log. */
export interface XaLog {
  /** The last operation on each branch that the range names. */
  readonly branches: ReadonlyMap<string, XaMark['does']>;
  /** Whether the range has ordinary transactions. One of them may be XA COMMIT ... ONE PHASE, which names no branch. */
  readonly ordinary: boolean;
  /** For each branch, the ordinal of the group that did this. */
  readonly lastAt: ReadonlyMap<string, number>;
  /** Ordinal of the last group that is not of XA; 0 = none. */
  readonly lastOther: number;
}

/** Collects the XA branches from the events of a log that begins after the group `after`. */
export class XaLogReader implements LogReader {
  readonly branches = new Map<string, XaMark['does']>();
  readonly lastAt = new Map<string, number>();
  ordinary = false;
  lastOther = 0;
  /** Ordinal of the last complete group. */
  ordinal: number;
  readonly #grammar: GroupGrammar;
  readonly #until: number;
  readonly #marks: (event: Buffer) => XaMark | null;
  /** Ordinal of the group that was begun last. */
  #begun = 0;
  #isOfXa = false;
  #largePlace: EventPlace = 'skip';

  constructor(flavour: LogFlavour, after: number, until: number) {
    this.#grammar = flavour.grammar();
    this.#marks = flavour.xaMarks();
    this.ordinal = after;
    this.#until = until;
  }

  event(event: Buffer): void {
    const place = this.#grammar.place(event);
    // A read may return events after `until`.
    if (this.ordinal >= this.#until) return;
    if (place === 'begin') {
      this.#begun = this.ordinal + 1;
      this.#isOfXa = false;
    }
    const mark = this.#marks(event);
    if (mark) this.#note(mark);
    if (place === 'end') this.#end(event[HEADER_AT.type]);
  }

  #note({ branch, does }: XaMark): void {
    this.branches.set(branch, does);
    this.lastAt.set(branch, this.#begun);
    this.#isOfXa = true;
  }

  #end(type: number | undefined): void {
    if (type === EVENT.xid) this.ordinary = true;
    if (!this.#isOfXa) this.lastOther = this.#begun;
    this.ordinal = this.#begun;
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
export async function readXaLog(range: LogRange, modules: LogReaderModules): Promise<XaLog> {
  const reader = new XaLogReader(modules.flavour, range.after.ordinal, range.until.ordinal);
  await readLogUntil(range, reader, modules);
  return reader;
}
