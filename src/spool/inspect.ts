import { join } from 'node:path';
import { FIRST_FRAGMENT, LAST_FRAGMENT, RECORD_KIND, readRecordHeader } from '../wire/record.js';
import { readMark } from './mark.js';
import { type GtidText, gtidOf, textOrEmpty } from './order.js';
import { analyse, type SegmentFinding, type SpoolDamage } from './recovery.js';
import { scanSegment } from './scan.js';
import { Segment, segmentOrdinal } from './segment.js';
import { diskStorage, type Storage } from './storage.js';

/**
 * Reads a spool directory for `skein spool list|show|verify`. It changes nothing, and a node may be running on it. While it
 * runs, the newest groups may be half written; they count as an incomplete tail.
 */
export interface InspectModules {
  readonly gtidText: GtidText;
  readonly storage?: Storage;
}

export interface SegmentInfo {
  readonly file: string;
  readonly bytes: number;
  readonly firstOrdinal: number;
  /** firstOrdinal - 1 when it holds no whole group. */
  readonly lastOrdinal: number;
  readonly groups: number;
  readonly lastEpoch: number;
  readonly lastGtid: string;
  /** Bytes that a mark in the file proves to have been synced. */
  readonly provenBytes: number;
  /** Bytes behind the last sound record or whole group. */
  readonly incompleteBytes: number;
}

export interface SpoolInfo {
  readonly directory: string;
  readonly incarnation: string | null;
  readonly begin: number;
  readonly end: { epoch: number; ordinal: number; gtid: string };
  /** As last written; may be a fraction of a second old while a node runs. */
  readonly committed: number;
  readonly segments: SegmentInfo[];
  readonly damage: SpoolDamage | null;
}

/** Reads and checks everything. @throws the operating system's error when the directory cannot be read */
export async function listSegments(directory: string, modules: InspectModules): Promise<SpoolInfo> {
  const { gtidText, storage = diskStorage } = modules;
  const analysis = await analyse(storage, directory);
  const { end } = analysis;
  return {
    directory,
    incarnation: analysis.state?.incarnation ?? null,
    begin: analysis.segments[0]?.segment.firstOrdinal ?? end.ordinal + 1,
    end: { epoch: end.epoch, ordinal: end.ordinal, gtid: textOrEmpty(gtidOf(end), gtidText) },
    committed: Math.min(analysis.state?.committed ?? 0, end.ordinal),
    segments: analysis.segments.map((finding) => segmentInfo(finding, gtidText)),
    damage: analysis.damage,
  };
}

function segmentInfo({ segment, scan }: SegmentFinding, gtidText: GtidText): SegmentInfo {
  return {
    file: segment.name,
    bytes: scan.fileSize,
    firstOrdinal: segment.firstOrdinal,
    lastOrdinal: scan.end.ordinal,
    groups: scan.groups,
    lastEpoch: scan.end.epoch,
    lastGtid: textOrEmpty(gtidOf(scan.end), gtidText),
    provenBytes: scan.syncedOffset,
    incompleteBytes: scan.fileSize - (scan.partialAt ?? scan.goodSize),
  };
}

export interface VerifyResult extends SpoolInfo {
  readonly ok: boolean;
  readonly groups: number;
  readonly bytes: number;
  /** One sentence for people. */
  readonly summary: string;
}

/** Checks every record's CRC and place, and the directory against its state file. */
export async function verify(directory: string, modules: InspectModules): Promise<VerifyResult> {
  const info = await listSegments(directory, modules);
  const groups = info.segments.reduce((sum, segment) => sum + segment.groups, 0);
  const bytes = info.segments.reduce((sum, segment) => sum + segment.bytes, 0);
  const incomplete = info.segments.at(-1)?.incompleteBytes ?? 0;
  return { ...info, ok: info.damage === null, groups, bytes, summary: summarize(info, groups, incomplete) };
}

function summarize(info: SpoolInfo, groups: number, incomplete: number): string {
  const { damage } = info;
  if (damage) {
    const where = damage.file
      ? ` in ${damage.file}${damage.offset === null ? '' : ` at byte ${damage.offset}`}`
      : '';
    return `Damaged${where}: ${damage.reason}. Sound up to ordinal ${info.end.ordinal}. The node of this spool does not acknowledge, and does not count in the quorum.`;
  }
  if (groups === 0) return `Sound and empty; the next group is ordinal ${info.begin}.`;
  const tail =
    incomplete > 0 ? ` ${incomplete} bytes of an incomplete group follow and will be dropped.` : '';
  return `Sound: ordinals ${info.begin} to ${info.end.ordinal}.${tail}`;
}

export interface RecordInfo {
  readonly file: string;
  readonly offset: number;
  readonly bytes: number;
  readonly kind: 'group' | 'format' | 'mark';
  readonly epoch: number;
  readonly ordinal: number;
  readonly gtid: string;
  readonly previousGtid: string;
  /** 'whole', or the piece of a large group that it is. */
  readonly part: 'whole' | 'first' | 'middle' | 'last' | '';
  /** Wall clock of the primary's node when it read the group; of this node for a mark. */
  readonly at: string;
  /** Marks only: what they say was synced. */
  readonly syncedOffset: number | null;
}

const KINDS = {
  [RECORD_KIND.group]: 'group',
  [RECORD_KIND.format]: 'format',
  [RECORD_KIND.mark]: 'mark',
} as const;

/** Up to `count` records from ordinal `from` on, marks and FORMAT records included; stops at the first bad one. */
export async function showRecords(
  directory: string,
  from: number,
  count: number,
  modules: InspectModules,
): Promise<RecordInfo[]> {
  const { storage = diskStorage } = modules;
  const names = (await storage.list(directory)).filter((name) => segmentOrdinal(name) !== null).sort();
  const first = Math.max(
    0,
    names.findLastIndex((name) => (segmentOrdinal(name) ?? 0) <= from),
  );
  const records: RecordInfo[] = [];
  for (const name of names.slice(first)) {
    if (records.length >= count) break;
    if (!(await showSegment(directory, name, from, count, records, modules))) break;
  }
  return records;
}

/** Returns whether the segment was sound to its end. */
async function showSegment(
  directory: string,
  name: string,
  from: number,
  count: number,
  records: RecordInfo[],
  modules: InspectModules,
): Promise<boolean> {
  const file = await (modules.storage ?? diskStorage).open(join(directory, name), 'read');
  try {
    const headBytes = Buffer.alloc(512);
    const head = readMark(headBytes.subarray(0, await file.read(headBytes, 0)), 0, 0);
    if (!head) return false;
    const segment = new Segment(head.end, head.begins);
    const scan = await scanSegment(file, segment, head.incarnation, (bytes, at, offset) => {
      if (records.length >= count) return;
      const info = recordInfo(name, bytes, at, offset, modules.gtidText);
      // Marks and FORMAT records carry the ordinal of the group before them.
      if (info.ordinal >= from || (info.kind !== 'group' && info.ordinal === from - 1)) records.push(info);
    });
    return scan.stop === null;
  } finally {
    await file.close();
  }
}

function recordInfo(file: string, bytes: Buffer, at: number, offset: number, gtidText: GtidText): RecordInfo {
  const header = readRecordHeader(bytes, at);
  const kind = KINDS[header.kind as keyof typeof KINDS];
  return {
    file,
    offset,
    bytes: header.size,
    kind,
    epoch: header.epoch,
    ordinal: header.ordinal,
    gtid: textOrEmpty(header.gtid, gtidText),
    previousGtid: textOrEmpty(header.previousGtid, gtidText),
    part: kind === 'group' ? partOf(header.flags) : '',
    at: new Date(header.atMs).toISOString(),
    syncedOffset: kind === 'mark' ? (readMark(bytes, at, offset)?.syncedOffset ?? null) : null,
  };
}

function partOf(flags: number): 'whole' | 'first' | 'middle' | 'last' {
  if (flags & FIRST_FRAGMENT) return flags & LAST_FRAGMENT ? 'whole' : 'first';
  return flags & LAST_FRAGMENT ? 'last' : 'middle';
}
