import type { EventPlace, GroupGrammar, LogFlavour } from '../flavour/flavour.js';
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
  readonly #flavour: LogFlavour;
  readonly #after: Position;
  readonly #grammar: GroupGrammar;
  /** Of the group that was begun last. */
  #ordinal: number;
  #groupAt = 0;
  #isWanted = false;
  #gtid = '';
  #last = '';
  #isOpen = false;
  #from: number | null = null;
  #to = 0;
  #largePlace: EventPlace = 'skip';

  /** `begin`: the ordinal of the last group before the file. */
  constructor(flavour: LogFlavour, { begin, after }: { begin: number; after: Position }) {
    this.#flavour = flavour;
    this.#ordinal = begin;
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
    const { ordinal, gtid } = this.#after;
    const found = this.#flavour.gtidText(this.#grammar.gtidOf(event));
    this.#ordinal++;
    if (this.#ordinal === ordinal && found !== gtid) {
      throw new SkeinError(
        'LOG_DIFFERS',
        `The server's log has ${found} where the log of this node has ${gtid}. One of the two was replaced by another one.`,
      );
    }
    this.#groupAt = at;
    this.#gtid = found;
    this.#isOpen = true;
    this.#isWanted = this.#ordinal > ordinal;
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
