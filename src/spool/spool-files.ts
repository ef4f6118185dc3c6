import { join } from 'node:path';
import type { SkeinError } from '../model/error.js';
import type { CommitQueue } from './commit-queue.js';
import { findGroup } from './find-group.js';
import type { Format } from './format.js';
import type { GroupEnd } from './order.js';
import { createSegment } from './recovery.js';
import type { Segment } from './segment.js';
import type { Storage, StorageFile } from './storage.js';

/** The end of a group, and the segment and offset where the next one would begin. */
export interface Place {
  readonly end: GroupEnd;
  readonly segment: Segment;
  readonly offset: number;
}

export interface SpoolFilesModules {
  readonly storage: Storage;
  /** Bytes on disk that were sound are damaged now. */
  foundDamage(file: string, offset: number, fault: string): SkeinError;
}

/** The segments of a spool, oldest first: finds places in them, and removes segments from either end. */
export class SpoolFiles {
  readonly directory: string;
  readonly #segments: Segment[];
  readonly #modules: SpoolFilesModules;

  constructor(directory: string, segments: Segment[], modules: SpoolFilesModules) {
    this.directory = directory;
    this.#segments = segments;
    this.#modules = modules;
  }

  get first(): Segment | null {
    return this.#segments[0] ?? null;
  }

  get count(): number {
    return this.#segments.length;
  }

  get bytes(): number {
    return this.#segments.reduce((all, segment) => all + segment.size, 0);
  }

  add(segment: Segment): void {
    this.#segments.push(segment);
  }

  of(ordinal: number): Segment | null {
    return this.#segments.findLast((segment) => segment.firstOrdinal <= ordinal) ?? null;
  }

  after(segment: Segment): Segment | null {
    return this.#segments[this.#segments.indexOf(segment) + 1] ?? null;
  }

  /** Opens the last segment, to be written. */
  async openLast(): Promise<{ segment: Segment; file: StorageFile }> {
    const segment = this.#segments.at(-1);
    if (!segment) throw new Error('a recovered spool has a segment');
    return { segment, file: await this.#open(segment, 'write') };
  }

  async find(ordinal: number): Promise<Place> {
    const segment = this.of(ordinal);
    if (!segment) {
      const first = this.first;
      if (!first) throw new Error('a sound spool has a segment');
      return { end: first.base, segment: first, offset: first.headSize };
    }
    const file = await this.#open(segment, 'read');
    try {
      const found = await findGroup(file, segment, ordinal);
      if (!found) {
        throw this.#modules.foundDamage(segment.name, segment.offsetBefore(ordinal), 'group not found');
      }
      return { end: found.end, segment, offset: found.offsetAfter };
    } finally {
      await file.close();
    }
  }

  /** The segments all of whose groups are below `ordinal`; never the last one. */
  below(ordinal: number): readonly Segment[] {
    const last = this.#segments.length - 1;
    const count = this.#segments.findIndex(
      (segment, index) => index === last || segment.lastOrdinal >= ordinal,
    );
    return this.#segments.slice(0, Math.max(0, count));
  }

  /** One by one, each made durable: a power cut must not leave a hole in the middle. */
  async remove(segments: readonly Segment[]): Promise<void> {
    const { storage } = this.#modules;
    for (const segment of segments) {
      segment.removed = true;
      this.#segments.splice(this.#segments.indexOf(segment), 1);
      await storage.unlink(join(this.directory, segment.name));
      await storage.syncDirectory(this.directory);
    }
  }

  /** Removes what is after `place`, the newest file first, and lets `queue` go on there. */
  async cut({ segment, offset, end }: Place, queue: CommitQueue): Promise<void> {
    const later = this.#segments.slice(this.#segments.indexOf(segment) + 1);
    await this.remove(later.reverse());
    let file = queue.file;
    if (later.length > 0) {
      await file.close();
      file = await this.#open(segment, 'write');
    }
    queue.moveTo({ segment, file, end });
    await file.truncate(offset);
    await file.datasync();
    segment.cutTo(offset, end.ordinal);
    segment.syncedSize = offset;
  }

  /** Makes a durable first segment after `end`, in which `queue` goes on; the older segments stay. */
  async beginAgain(
    { end, format, incarnation }: { end: GroupEnd; format: Format | null; incarnation: string },
    queue: CommitQueue,
  ): Promise<Segment> {
    const { storage } = this.#modules;
    const next = await createSegment(storage, this.directory, incarnation, end, true, format);
    this.#segments.push(next.segment);
    await queue.file.close();
    queue.moveTo({ segment: next.segment, file: next.file, end });
    return next.segment;
  }

  #open(segment: Segment, mode: 'read' | 'write'): Promise<StorageFile> {
    return this.#modules.storage.open(join(this.directory, segment.name), mode);
  }
}
