import { encodeRecord, FIRST_FRAGMENT, LAST_FRAGMENT, RECORD_KIND, WHOLE } from '../../../src/wire/record.js';

/** Test material: records as a MariaDB source would encode them. */
export function mariadbGtid(sequence: number, serverId: number, domain = 0): Buffer {
  const gtid = Buffer.alloc(16);
  gtid.writeUInt32LE(domain, 0);
  gtid.writeUInt32LE(serverId, 4);
  gtid.writeBigUInt64LE(BigInt(sequence), 8);
  return gtid;
}

export function mariadbGtidText(binary: Uint8Array): string {
  const bytes = Buffer.from(binary.buffer, binary.byteOffset, binary.byteLength);
  return `${bytes.readUInt32LE(0)}-${bytes.readUInt32LE(4)}-${bytes.readBigUInt64LE(8)}`;
}

export const serverOfEpoch = (epoch: number): number => 1_000_000 + epoch;

export interface MadeGroup {
  readonly ordinal: number;
  readonly epoch: number;
  readonly previousEpoch: number;
  readonly payload: Uint8Array;
  /** Pieces that the payload is cut into. */
  readonly fragments?: number;
}

/** The records of one group, one buffer for each fragment. */
export function makeGroup(group: MadeGroup): Buffer[] {
  const { ordinal, epoch, payload } = group;
  const fragments = group.fragments ?? 1;
  const step = Math.ceil(payload.length / fragments);
  return Array.from({ length: fragments }, (_, index) => {
    let flags = fragments === 1 ? WHOLE : 0;
    if (index === 0) flags |= FIRST_FRAGMENT;
    if (index === fragments - 1) flags |= LAST_FRAGMENT;
    return encodeRecord(
      {
        kind: RECORD_KIND.group,
        flags,
        epoch,
        ordinal,
        atMs: 1_700_000_000_000 + ordinal,
        gtid: mariadbGtid(ordinal, serverOfEpoch(epoch)),
        previousGtid:
          ordinal === 1 ? Buffer.alloc(0) : mariadbGtid(ordinal - 1, serverOfEpoch(group.previousEpoch)),
      },
      payload.subarray(index * step, (index + 1) * step),
    );
  });
}

export function makeFormat(afterOrdinal: number, epoch: number, payload: Uint8Array): Buffer {
  const none = Buffer.alloc(0);
  return encodeRecord(
    {
      kind: RECORD_KIND.format,
      flags: 0,
      epoch,
      ordinal: afterOrdinal,
      atMs: 1_700_000_000_000,
      gtid: none,
      previousGtid: none,
    },
    payload,
  );
}
