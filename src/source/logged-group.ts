import { EVENT, HEADER_AT } from '../mysql-protocol/events.js';
import type { EventPlace, Flavour, GroupGrammar } from '../mysql-protocol/flavour.js';
import { type LogRange, type LogReader, readLogUntil } from './read-log.js';

/** One group of the log as complete events in memory, to be executed again. */
export interface LoggedGroup {
  /** The FORMAT_DESCRIPTION event of the other events. */
  readonly format: Buffer;
  readonly events: readonly Buffer[];
}

class GroupReader implements LogReader {
  format = Buffer.alloc(0);
  readonly events: Buffer[] = [];
  ordinal: number;
  readonly #grammar: GroupGrammar;
  readonly #flavour: Flavour;
  readonly #wanted: number;
  #sequence = 0;
  #large: Buffer[] = [];
  #largePlace: EventPlace = 'skip';

  constructor(flavour: Flavour, after: number, wanted: number) {
    this.#flavour = flavour;
    this.#grammar = flavour.grammar();
    this.ordinal = after;
    this.#wanted = wanted;
  }

  event(event: Buffer): void {
    const place = this.#grammar.place(event);
    // One read from the socket may contain events after the wanted group.
    if (this.ordinal >= this.#wanted) return;
    if (event[HEADER_AT.type] === EVENT.formatDescription) this.format = Buffer.from(event);
    if (place === 'begin')
      this.#sequence = this.#flavour.ordinalOf(this.#flavour.gtidText(this.#grammar.gtidOf(event).binary));
    // A copy, because the read buffer is reused.
    if (this.#sequence === this.#wanted) this.events.push(Buffer.from(event));
    if (place === 'end') this.ordinal = this.#sequence;
  }

  largeEvent(head: Buffer): void {
    this.#largePlace = this.#grammar.place(head);
    this.#large = [];
  }

  largeEventPart(bytes: Buffer): void {
    if (this.#sequence === this.#wanted) this.#large.push(Buffer.from(bytes));
  }

  largeEventEnd(): void {
    if (this.#sequence === this.#wanted && this.ordinal < this.#wanted)
      this.events.push(Buffer.concat(this.#large));
    this.#large = [];
    if (this.#largePlace === 'end') this.ordinal = this.#sequence;
  }
}

/**
 * Reads the last group of a range.
 * @throws SkeinError as readLogUntil
 */
export async function readLoggedGroup(
  range: LogRange,
  modules: { flavour: Flavour; signal: AbortSignal },
): Promise<LoggedGroup> {
  const reader = new GroupReader(modules.flavour, range.after.ordinal, range.until.ordinal);
  await readLogUntil(range, reader, modules);
  return reader;
}
