import { EVENT, HEADER_AT } from '../mysql-protocol/events.js';
import type { EventPlace, Flavour, GroupGrammar } from '../mysql-protocol/flavour.js';
import { type LogReader, type LogStretch, readLogUntil } from './read-log.js';

/** One group of the log as whole events, to be executed again. Held in memory. */
export interface LoggedGroup {
  /** The FORMAT_DESCRIPTION event that the others are written in. */
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
    // One read may bring more than was asked for.
    if (this.ordinal >= this.#wanted) return;
    if (event[HEADER_AT.type] === EVENT.formatDescription) this.format = Buffer.from(event);
    if (place === 'begin')
      this.#sequence = this.#flavour.ordinalOf(this.#flavour.gtidText(this.#grammar.gtidOf(event).binary));
    // A copy: the buffer that it lies in is used again.
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
 * The last group of a stretch.
 * @throws SkeinError as readLogUntil
 */
export async function readLoggedGroup(
  stretch: LogStretch,
  modules: { flavour: Flavour; signal: AbortSignal },
): Promise<LoggedGroup> {
  const reader = new GroupReader(modules.flavour, stretch.after.ordinal, stretch.until.ordinal);
  await readLogUntil(stretch, reader, modules);
  return reader;
}
