/** Types of events that MariaDB alone writes. */
export const MARIADB_EVENT = {
  writeRowsV1: 23,
  updateRowsV1: 24,
  deleteRowsV1: 25,
  annotateRows: 160,
  binlogCheckpoint: 161,
  gtid: 162,
  gtidList: 163,
  startEncryption: 164,
  queryCompressed: 165,
  writeRowsCompressedV1: 166,
  updateRowsCompressedV1: 167,
  deleteRowsCompressedV1: 168,
  writeRowsCompressed: 169,
  updateRowsCompressed: 170,
  deleteRowsCompressed: 171,
} as const;

/** Events that change rows. */
export const ROWS: ReadonlySet<number> = new Set<number>([
  MARIADB_EVENT.writeRowsV1,
  MARIADB_EVENT.updateRowsV1,
  MARIADB_EVENT.deleteRowsV1,
  MARIADB_EVENT.writeRowsCompressedV1,
  MARIADB_EVENT.updateRowsCompressedV1,
  MARIADB_EVENT.deleteRowsCompressedV1,
  MARIADB_EVENT.writeRowsCompressed,
  MARIADB_EVENT.updateRowsCompressed,
  MARIADB_EVENT.deleteRowsCompressed,
]);
