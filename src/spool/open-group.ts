import type { CommitQueue } from './commit-queue.js';
import type { Tail, TailEntry } from './tail.js';

/** The group whose last fragment has not come yet: its entries, and where it starts in the first of them. */
export class OpenGroup {
  readonly #entries: TailEntry[];
  readonly #at: number;

  constructor(first: TailEntry, at: number) {
    this.#entries = [first];
    this.#at = at;
  }

  add(entry: TailEntry): void {
    this.#entries.push(entry);
  }

  /** The sender starts the group again: fragments that are not written yet are dropped, the others are noted as dead. */
  abandon(queue: CommitQueue, tail: Tail): void {
    let last: TailEntry | null = null;
    for (const [index, entry] of this.#entries.entries()) {
      const keep = index === 0 ? this.#at : 0;
      if (entry.segment) last = entry;
      else queue.shortened(entry, entry.bytes.length - keep);
      entry.lastOrdinal = entry.end.ordinal;
      entry.endsGroup = true;
      if (entry.startAt >= keep) entry.startOrdinal = 0;
      if (!entry.evicted) tail.shorten(entry, keep);
    }
    const first = this.#entries[0];
    if (!first?.segment || !last) return;
    // One range, marks included: only fragments of this group were appended since it began.
    first.segment.dead.push({ from: first.offset + this.#at, to: last.offset + last.size });
  }
}
