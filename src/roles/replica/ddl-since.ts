import type { Flavour } from '../../flavour/flavour.js';
import type { Spool } from '../../spool/spool.js';
import { FIRST_FRAGMENT, RECORD_KIND, walkRecords } from '../../wire/record.js';

const READ_BYTES = 1024 * 1024;

/**
 * The first group after `after`, up to `until`, that may change definitions; null = none does. Everything up to `until` must be
 * durable.
 * @throws SkeinError SPOOL_PURGED, and what reading the spool throws
 */
export async function ddlSince(
  { after, until }: { after: number; until: number },
  { spool, flavour }: { spool: Pick<Spool, 'reader'>; flavour: Pick<Flavour, 'mayChangeDefinitions'> },
): Promise<number | null> {
  if (after >= until) return null;
  const reader = spool.reader(after + 1);
  try {
    for (;;) {
      const bytes = await reader.next(until, READ_BYTES);
      if (bytes === null) return null;
      for (const { offset, header } of walkRecords(bytes)) {
        if (header.kind !== RECORD_KIND.group || (header.flags & FIRST_FRAGMENT) === 0) continue;
        const group = bytes.subarray(offset + header.payloadOffset, offset + header.size);
        if (flavour.mayChangeDefinitions(group)) return header.ordinal;
      }
    }
  } finally {
    reader.close();
  }
}
