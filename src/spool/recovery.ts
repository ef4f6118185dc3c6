import { join } from 'node:path';
import type { Logger } from '../std/logger.js';
import type { Format } from './format.js';
import { encodeMark, type Mark } from './mark.js';
import { type GroupEnd, NO_GROUP, sameGroup } from './order.js';
import { lookBehind, readHead, type SegmentScan, scanSegment } from './scan.js';
import { Segment, segmentName, segmentOrdinal } from './segment.js';
import {
  readState,
  type SpoolState,
  STATE_NAME,
  STATE_TEMPORARY_NAME,
  unlinkIfThere,
  writeState,
} from './state-file.js';
import { readRange, type Storage, type StorageFile } from './storage.js';

/**
 * Recovery of a spool directory. `analyse` finds its content and faults, and changes nothing. `repair` makes the only
 * changes: it cuts a torn tail, and removes void files.
 *
 * Torn or damaged? At any moment only one group commit is not synced, and it begins with a mark that states what was
 * synced before. Hence, for bad bytes at offset B of the last segment:
 *   - a mark anywhere, also behind B, that states a synced offset beyond B: these bytes were on the disk. Damage.
 *   - a sound record behind B that continues the sequence: in a power cut the disk may have written a later page and
 *     lost an earlier one of the same unsynced commit, and a lost page reads as zeros. With such a sector of zeros
 *     between B and that record it is torn, else damage (rule H12, with this one exception).
 *   - otherwise: torn.
 * Zeros up to the end of the file are preallocated space, and are cut.
 * Any other inconsistency is damage: bad bytes in an earlier segment (it was synced before the next
 * was made), a sound record that does not follow its predecessor, segments that do not join, an end before the
 * position once known durable, a missing state file. Damage is never repaired here and never cut away.
 */
export interface SpoolDamage {
  /** For people: what is wrong and where. */
  readonly reason: string;
  /** Name of the file in the spool's directory; null when it is about the whole spool. */
  readonly file: string | null;
  readonly offset: number | null;
}

export interface SegmentFinding {
  readonly segment: Segment;
  readonly scan: SegmentScan;
}

export interface Analysis {
  readonly state: SpoolState | null;
  /** True when there is nothing yet, or only the remains of a creation that never finished. */
  readonly fresh: boolean;
  readonly segments: SegmentFinding[];
  readonly end: GroupEnd;
  readonly damage: SpoolDamage | null;
  /** Bytes of the last segment behind this offset were never complete and are to be cut off; null = nothing to cut. */
  readonly cutLastTo: number | null;
  /** Void files: leftovers of a restart elsewhere, of a creation that never finished. */
  readonly voidFiles: string[];
}

export async function analyse(storage: Storage, directory: string): Promise<Analysis> {
  const names = (await storage.list(directory)).filter((name) => segmentOrdinal(name) !== null).sort();
  const read = await readState(storage, directory);
  if (read.kind === 'unreadable') {
    return damagedWhole(null, `${STATE_NAME} is damaged`, STATE_NAME);
  }
  if (read.kind === 'missing') {
    if (await isUnfinishedCreation(storage, directory, names)) {
      return { ...damagedWhole(null, '', null), fresh: true, damage: null, voidFiles: names };
    }
    return damagedWhole(null, `${STATE_NAME} is missing`, null);
  }
  return new Analyser(storage, directory, read.state).run(names);
}

/** The state file is written last, so segments without it may only be an empty first one. */
async function isUnfinishedCreation(
  storage: Storage,
  directory: string,
  names: readonly string[],
): Promise<boolean> {
  if (names.length === 0) return true;
  if (names.length > 1 || names[0] !== segmentName(1)) return false;
  const file = await storage.open(join(directory, segmentName(1)), 'read');
  try {
    const head = await readHead(file);
    return (await file.size()) <= (head?.size ?? FIRST_HEAD_SIZE_MAX);
  } finally {
    await file.close();
  }
}

/** A torn head of the first segment is not longer than the whole one, which is below this. */
const FIRST_HEAD_SIZE_MAX = 64;

function damagedWhole(state: SpoolState | null, reason: string, file: string | null): Analysis {
  return {
    state,
    fresh: false,
    segments: [],
    end: NO_GROUP,
    damage: { reason, file, offset: null },
    cutLastTo: null,
    voidFiles: [],
  };
}

/** Faults that a power cut can cause. In other faults the CRC is right, so the record was written that way. */
const TORN_FAULTS: ReadonlySet<string> = new Set(['truncated', 'size', 'crc']);

class Analyser {
  readonly #storage: Storage;
  readonly #directory: string;
  readonly #state: SpoolState;
  readonly #segments: SegmentFinding[] = [];
  readonly #voidFiles: string[] = [];
  #end: GroupEnd = NO_GROUP;
  #cutLastTo: number | null = null;

  constructor(storage: Storage, directory: string, state: SpoolState) {
    this.#storage = storage;
    this.#directory = directory;
    this.#state = state;
  }

  async run(names: readonly string[]): Promise<Analysis> {
    const live = await this.#dropLeftovers(names);
    let damage: SpoolDamage | null = null;
    for (const [index, name] of live.entries()) {
      damage = await this.#segment(name, index, index === live.length - 1);
      if (damage) break;
    }
    damage ??= this.#checkWhole();
    return {
      state: this.#state,
      fresh: false,
      segments: this.#segments,
      end: this.#end,
      damage,
      cutLastTo: damage ? null : this.#cutLastTo,
      voidFiles: damage ? [] : this.#voidFiles,
    };
  }

  /** `restartAfter` has abandoned segments older than the newest one in which the spool begins. */
  async #dropLeftovers(names: readonly string[]): Promise<readonly string[]> {
    for (let index = names.length - 1; index > 0; index--) {
      const head = await this.#with(names[index] ?? '', readHead);
      if (head?.begins && head.incarnation === this.#state.incarnation) {
        this.#voidFiles.push(...names.slice(0, index));
        return names.slice(index);
      }
    }
    return names;
  }

  async #segment(name: string, index: number, isLast: boolean): Promise<SpoolDamage | null> {
    return this.#with(name, async (file) => {
      const head = await readHead(file);
      const headFault = this.#headFault(name, head, index);
      if (!head || headFault) return this.#badHead(file, name, headFault, index > 0 && isLast && !head);
      const segment = new Segment(head.end, head.begins);
      const scan = await scanSegment(file, segment, this.#state.incarnation);
      this.#segments.push({ segment, scan });
      this.#end = scan.end;
      return isLast ? this.#judgeLast(file, segment, scan) : judgeEarlier(segment, scan);
    });
  }

  #headFault(name: string, head: Mark | null, index: number): string {
    if (!head) return 'the head of the segment is bad';
    if (head.incarnation !== this.#state.incarnation) return 'the segment belongs to another spool';
    if (segmentName(head.end.ordinal + 1) !== name)
      return "the segment's file name and its head name different ordinals";
    if (index > 0) {
      return sameGroup(head.end, this.#end)
        ? ''
        : `a hole: the segment before ends at ordinal ${this.#end.ordinal}, this one follows ordinal ${head.end.ordinal}`;
    }
    return head.begins || head.end.ordinal + 1 <= this.#state.purgedBelow
      ? ''
      : `segments are missing before it: only ordinals below ${this.#state.purgedBelow} were purged`;
  }

  /** A new segment is used only after its head was synced: a torn head with no mark behind it never held a group. */
  async #badHead(
    file: StorageFile,
    name: string,
    reason: string,
    mayBeTorn: boolean,
  ): Promise<SpoolDamage | null> {
    const damage = { reason, file: name, offset: 0 };
    if (!mayBeTorn) return damage;
    const behind = await lookBehind(file, 0, this.#end.ordinal + 1, this.#state.incarnation);
    if (behind.syncedOffset > 0 || behind.recordAt !== null) return damage;
    this.#voidFiles.push(name);
    return null;
  }

  async #judgeLast(file: StorageFile, segment: Segment, scan: SegmentScan): Promise<SpoolDamage | null> {
    const { stop } = scan;
    if (stop) {
      const damage = { reason: stop.detail, file: segment.name, offset: stop.offset };
      if (!TORN_FAULTS.has(stop.fault)) return damage;
      const behind = await lookBehind(file, stop.offset, scan.end.ordinal + 1, this.#state.incarnation);
      if (behind.syncedOffset > stop.offset) {
        return { ...damage, reason: `${stop.detail} in a place that was synced` };
      }
      if (behind.recordAt !== null && !behind.lostSector) {
        return { ...damage, reason: `${stop.detail} with sound records behind it` };
      }
    }
    const cutTo = scan.partialAt ?? scan.goodSize;
    if (cutTo < scan.fileSize + scan.zeroBytes) this.#cutLastTo = cutTo;
    return null;
  }

  #checkWhole(): SpoolDamage | null {
    if (this.#segments.length === 0) {
      return { reason: 'there is a state file, but no segment', file: null, offset: null };
    }
    const { durable } = this.#state;
    if (this.#end.ordinal >= durable) return null;
    return {
      reason: `the spool ends at ordinal ${this.#end.ordinal}, but ordinal ${durable} was durable in it`,
      file: this.#segments.at(-1)?.segment.name ?? null,
      offset: null,
    };
  }

  async #with<T>(name: string, use: (file: StorageFile) => Promise<T>): Promise<T> {
    const file = await this.#storage.open(join(this.#directory, name), 'read');
    try {
      return await use(file);
    } finally {
      await file.close();
    }
  }
}

/** It was synced before the next segment was made, so nothing in it may be bad; only an abandoned group may be incomplete. */
function judgeEarlier(segment: Segment, scan: SegmentScan): SpoolDamage | null {
  if (scan.stop) return { reason: scan.stop.detail, file: segment.name, offset: scan.stop.offset };
  if (scan.zeroBytes > 0) return { reason: 'it ends in zeros', file: segment.name, offset: scan.fileSize };
  if (scan.partialAt !== null) segment.dead.push({ from: scan.partialAt, to: scan.fileSize });
  return null;
}

export interface Recovered {
  readonly state: SpoolState;
  readonly segments: Segment[];
  readonly formats: Format[];
  readonly end: GroupEnd;
  readonly damage: SpoolDamage | null;
}

/**
 * Repairs the directory, or leaves it unchanged when it is damaged. When this resolves without damage, everything up to
 * `end` is on the disk, whatever the previous process did.
 */
export async function recover(
  storage: Storage,
  directory: string,
  newIncarnation: () => string,
  logger: Logger,
): Promise<Recovered> {
  await storage.makeDirectory(directory);
  const analysis = await analyse(storage, directory);
  const segments = analysis.segments.map((finding) => finding.segment);
  const formats = analysis.segments.flatMap((finding) => finding.scan.formats);
  if (analysis.damage) {
    const state = analysis.state ?? { incarnation: '', committed: 0, durable: 0, purgedBelow: 0 };
    return { state, segments, formats, end: analysis.end, damage: analysis.damage };
  }
  await unlinkIfThere(storage, join(directory, STATE_TEMPORARY_NAME));
  for (const name of analysis.voidFiles) {
    logger.info({ file: name }, 'void spool file removed');
    // In any order: each file is void independent of the others.
    await storage.unlink(join(directory, name));
  }
  if (analysis.fresh || !analysis.state) {
    const state = { incarnation: newIncarnation(), committed: 0, durable: 0, purgedBelow: 0 };
    const { segment, file } = await createSegment(
      storage,
      directory,
      state.incarnation,
      NO_GROUP,
      true,
      null,
    );
    await file.close();
    await writeState(storage, directory, state);
    await storage.syncDirectory(directory);
    return { state, segments: [segment], formats, end: NO_GROUP, damage: null };
  }
  await repairTail(storage, directory, analysis, logger);
  await storage.syncDirectory(directory);
  return { state: analysis.state, segments, formats, end: analysis.end, damage: null };
}

/**
 * Cuts the torn tail, then writes the bytes that no mark proves synced once more, unchanged, and syncs. Syncing alone
 * would not do: after a failed fsync the system marks the pages clean, and the next fsync reports success.
 */
async function repairTail(
  storage: Storage,
  directory: string,
  analysis: Analysis,
  logger: Logger,
): Promise<void> {
  const last = analysis.segments.at(-1);
  if (!last) return;
  const { segment, scan } = last;
  const file = await storage.open(join(directory, segment.name), 'write');
  try {
    const { cutLastTo } = analysis;
    if (cutLastTo !== null) {
      const bytes = scan.fileSize - cutLastTo;
      if (bytes > 0) {
        const fault = scan.stop?.fault ?? 'incomplete group';
        const end = analysis.end.ordinal;
        logger.warn(
          { file: segment.name, offset: cutLastTo, bytes, end, fault },
          'torn tail of the spool cut off',
        );
      }
      await file.truncate(cutLastTo);
      segment.cutTo(cutLastTo, segment.lastOrdinal);
    }
    const unproven = await readRange(file, Math.min(scan.syncedOffset, segment.size), segment.size);
    if (unproven.length > 0) await file.write([unproven], segment.size - unproven.length);
    await file.datasync();
    segment.syncedSize = segment.size;
  } finally {
    await file.close();
  }
}

/** Creates a segment with its head; file and name are durable when this resolves. */
export async function createSegment(
  storage: Storage,
  directory: string,
  incarnation: string,
  base: GroupEnd,
  begins: boolean,
  format: Format | null,
): Promise<{ segment: Segment; file: StorageFile }> {
  const segment = new Segment(base, begins);
  const head = encodeMark({ begins, end: base, syncedOffset: 0, offset: 0, incarnation }, Date.now());
  const file = await storage.open(join(directory, segment.name), 'create');
  await file.write(format ? [head, format.record] : [head], 0);
  await file.datasync();
  await storage.syncDirectory(directory);
  segment.headFormat = format;
  segment.headSize = head.length + (format?.record.length ?? 0);
  segment.size = segment.headSize;
  segment.syncedSize = segment.size;
  return { segment, file };
}
