import type { ServerWords } from '../server-program.js';

/** Of a line that the server itself begins. A client's user name is in its log too, and must not pass for such a line. */
const BY_THE_SERVER = String.raw`\d{4}-\d\d-\d\d +\d+:\d\d:\d\d \S+ \[\w+\] (?:\[FATAL\] )?`;
const OF_PAGES =
  'InnoDB: .*(?:page corruption|is corrupted|corrupted page|checksum mismatch|failed read of file|marked as corrupted)';
const OF_TABLES =
  '(?:/[^:]*/)?(?:mariadbd|mysqld): (?:Index for table .* is corrupt|Table .* is (?:marked as crashed|corrupted))';
const OF_DAMAGE = `(?:${OF_PAGES}|${OF_TABLES})`;

export const mariadbWords: ServerWords = {
  well: /\[Note\]|^Version: /,
  notTruncated: 'Cannot truncate the binary log',
  damage: new RegExp(`^${BY_THE_SERVER}${OF_DAMAGE}`, 'i'),
  damageInText: new RegExp(`${BY_THE_SERVER}${OF_DAMAGE}`, 'i'),
  // A server only warns of a `loose` option.
  notTheData:
    /\[ERROR\][^\n]*unknown (variable|option|suffix)|Can't start server|No space left|errno: 28|Cannot allocate memory|Out of memory/i,
  file: /[\w@$#]+\/[\w@$#]+\.ibd|`[^`]+`\.`[^`]+`/,
  error: /\[ERROR\] (.{0,80})/,
};
