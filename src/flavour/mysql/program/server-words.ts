import type { ServerWords } from '../../server-program.js';

/** Of a line that the server itself begins: `<time> <thread> [<level>] [MY-<number>] [<subsystem>] `. */
const BY_THE_SERVER = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(?:Z|[+-]\d\d:\d\d) \d+ \[\w+\] \[MY-\d+\] \[\w+\] `;
const OF_PAGES =
  '.*(?:page corruption|is corrupted|corrupted page|corrupt page|checksum mismatch|failed file read of page|marked as corrupted|appears to be corrupt)';

export const mysqlWords: ServerWords = {
  well: /\[(?:System|Note|Warning)\]/,
  // It has no such run: it cannot say so.
  notTruncated: '\0',
  damage: new RegExp(`^${BY_THE_SERVER}${OF_PAGES}`, 'i'),
  damageInText: new RegExp(`${BY_THE_SERVER}${OF_PAGES}`, 'i'),
  // A server only warns of a `loose` option.
  notTheData:
    /\[ERROR\][^\n]*unknown (?:variable|option|suffix)|Can't start server|No space left|errno: 28|OS errno 28|Cannot allocate memory|Out of memory|Unable to lock \S+ error: 11/i,
  file: /[\w@$#]+\/[\w@$#]+\.ibd|`[^`]+`\.`[^`]+`/,
  error: /\[ERROR\] (?:\[MY-\d+\] \[\w+\] )?(.{0,80})/,
};
