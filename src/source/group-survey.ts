import type { EventPlace, Flavour, GroupGrammar } from '../flavour/flavour.js';
import { SkeinError } from '../model/error.js';
import type { Position } from '../model/position.js';
import { HEADER_AT } from '../mysql-protocol/events.js';
import type { LogFileSink } from './log-file-events.js';

/** A part of a log file that consists of whole groups. */
export interface GroupSpan {
  readonly from: number;
  readonly to: number;
}

/** Finds the whole groups of one log file that come after a position. Pure: it takes the events of the file. */
export class GroupSurvey implements LogFileSink {
  readonly #flavour: Flavour;
  readonly #after: Position;
  readonly #grammar: GroupGrammar;
  #groupAt = 0;
  #isWanted = false;
  #gtid = '';
  #last = '';
  #isOpen = false;
  #from: number | null = null;
  #to = 0;
  #largePlace: EventPlace = 'skip';

  constructor(flavour: Flavour, after: Position) {
    this.#flavour = flavour;
    this.#after = after;
    this.#grammar = flavour.grammar();
  }

  /** From the first group after the position to the end of the last group that is whole; null = there is none. */
  get span(): GroupSpan | null {
    return this.#from === null || this.#to <= this.#from ? null : { from: this.#from, to: this.#to };
  }

  /** True in the middle of a group. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** The GTID of the last group that is whole; '' = there is none. */
  get last(): string {
    return this.#last;
  }

  /** @throws SkeinError LOG_ENCRYPTED, LOG_DIFFERS, UNKNOWN_EVENT, UNEXPECTED_EVENT */
  event(event: Buffer, at: number): void {
    if (this.#flavour.isEncryption(event[HEADER_AT.type] ?? 0)) throw encrypted();
    const place = this.#grammar.place(event);
    if (place === 'begin') this.#begin(event, at);
    if (place === 'end') this.#end(at + event.length);
  }

  largeEvent(head: Buffer): void {
    this.#largePlace = this.#grammar.place(head);
  }

  largeEventPart(): void {}

  largeEventEnd(end: number): void {
    if (this.#largePlace === 'end') this.#end(end);
  }

  #begin(event: Buffer, at: number): void {
    const binary = this.#grammar.gtidOf(event);
    const { ordinal, gtid } = this.#after;
    const found = this.#flavour.gtidText(binary);
    const order = this.#flavour.orderOf(binary);
    if (order === ordinal && found !== gtid) {
      throw new SkeinError(
        'LOG_DIFFERS',
        `The server's log has ${found} where the log of this node has ${gtid}. One of the two was replaced by another one.`,
      );
    }
    this.#groupAt = at;
    this.#gtid = found;
    this.#isOpen = true;
    // A group that was not written through Skein has no place in the history. The assembler refuses it.
    this.#isWanted = order === null || order > ordinal;
  }

  #end(to: number): void {
    this.#last = this.#gtid;
    this.#isOpen = false;
    if (!this.#isWanted) return;
    this.#from ??= this.#groupAt;
    this.#to = to;
  }
}

export function encrypted(): SkeinError {
  return new SkeinError(
    'LOG_ENCRYPTED',
    "The server's binary log is encrypted. Only a running server can read it.",
  );
}
