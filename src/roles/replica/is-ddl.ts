import type { Flavour } from '../../flavour/flavour.js';
import type { Spool } from '../../spool/spool.js';
import { RECORD_KIND, walkRecords } from '../../wire/record.js';

/** Whether the transaction with this ordinal is DDL; null = the spool does not have it. */
export async function isDdl(
  ordinal: number,
  { spool, flavour }: { spool: Spool; flavour: Flavour },
): Promise<boolean | null> {
  if (ordinal < spool.begin || ordinal > spool.durable.ordinal) return null;
  const reader = spool.reader(ordinal);
  try {
    for (let bytes = await reader.next(ordinal, 1); bytes !== null; bytes = await reader.next(ordinal, 1)) {
      for (const { offset, header } of walkRecords(bytes)) {
        if (header.kind !== RECORD_KIND.group || header.ordinal !== ordinal) continue;
        const group = bytes.subarray(offset + header.payloadOffset, offset + header.size);
        // DDL is never split into several records. `forReplica` also changes other groups, so only `ddl` counts.
        return (flavour.forReplica(group, true)?.ddl ?? null) !== null;
      }
    }
    return null;
  } finally {
    reader.close();
  }
}
