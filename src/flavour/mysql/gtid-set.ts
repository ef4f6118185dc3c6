import { SkeinError } from '../../model/error.js';
import { uuidBytes } from './gtid.js';

/** Numbers from `first` to `last`, both included. */
export interface Interval {
  readonly first: number;
  readonly last: number;
}

/** A set of GTIDs: for each server UUID its intervals, in order. Tagged GTIDs have keys of their own: `uuid:tag`. */
export type GtidSet = ReadonlyMap<string, readonly Interval[]>;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const TAG = /^[a-z_][a-z0-9_]{0,31}$/;
const INTERVAL = /^(\d{1,16})(?:-(\d{1,16}))?$/;

/**
 * Reads what a server prints: `uuid:1-57:60,uuid:1-3`, with tags `uuid:1-57:tag:1-3`.
 * @throws SkeinError INVALID_GTID
 */
export function parseGtidSet(text: string): GtidSet {
  const set = new Map<string, Interval[]>();
  for (const part of text.toLowerCase().split(',')) {
    const [uuid = '', ...rest] = part.trim().split(':');
    if (uuid === '' && rest.length === 0) continue;
    if (!UUID.test(uuid)) throw invalid(text);
    let key = uuid;
    for (const each of rest) {
      const match = INTERVAL.exec(each);
      if (match === null) {
        if (!TAG.test(each)) throw invalid(text);
        key = `${uuid}:${each}`;
        continue;
      }
      const first = Number(match[1]);
      const last = Number(match[2] ?? match[1]);
      if (first < 1 || last < first) throw invalid(text);
      set.set(key, [...(set.get(key) ?? []), { first, last }]);
    }
  }
  return set;
}

function invalid(text: string): SkeinError {
  return new SkeinError('INVALID_GTID', `"${text.slice(0, 200)}" is not a set of MySQL GTIDs.`);
}

export function formatGtidSet(set: GtidSet): string {
  return [...set]
    .map(([key, intervals]) => {
      const numbers = intervals.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`));
      return `${key}:${numbers.join(':')}`;
    })
    .join(',');
}

/** Number of GTIDs in the set. */
export function sizeOfSet(set: GtidSet): number {
  let count = 0;
  for (const intervals of set.values()) for (const { first, last } of intervals) count += last - first + 1;
  return count;
}

/**
 * The set as COM_BINLOG_DUMP_GTID carries it: u64 number of UUIDs; for each the UUID, u64 number of intervals, and for each
 * u64 first and u64 last + 1. For a set without tags.
 */
export function encodeGtidSet(set: GtidSet): Buffer {
  const parts: Buffer[] = [u64(set.size)];
  for (const [uuid, intervals] of set) {
    parts.push(uuidBytes(uuid), u64(intervals.length));
    for (const { first, last } of intervals) parts.push(u64(first), u64(last + 1));
  }
  return Buffer.concat(parts);
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

const TAGGED = 1;

/**
 * Reads such a set. The form with tags begins with 01, then 6 bytes of the count, then 01 (seen on 9.7).
 * @throws SkeinError INVALID_GTID when it is cut short, or has tags
 */
export function decodeGtidSet(bytes: Buffer): GtidSet {
  if (bytes[7] === TAGGED) throw new SkeinError('INVALID_GTID', 'The set has tagged GTIDs.');
  const set = new Map<string, Interval[]>();
  let at = 0;
  const next = (size: number): Buffer => {
    if (at + size > bytes.length) throw new SkeinError('INVALID_GTID', 'A set of GTIDs is cut short.');
    at += size;
    return bytes.subarray(at - size, at);
  };
  const number = () => Number(next(8).readBigUInt64LE());
  for (let left = number(); left > 0; left--) {
    const hex = next(16).toString('hex');
    const uuid = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
    const intervals: Interval[] = [];
    for (let count = number(); count > 0; count--) intervals.push({ first: number(), last: number() - 1 });
    set.set(uuid, intervals);
  }
  return set;
}
