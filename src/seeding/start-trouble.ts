import type { SeedNeed } from '../model/seed.js';

/** Of a line that the server itself begins. A client's user name is in its log too, and must not pass for such a line. */
const BY_THE_SERVER = String.raw`\d{4}-\d\d-\d\d +\d+:\d\d:\d\d \S+ \[\w+\] (?:\[FATAL\] )?`;
const OF_PAGES =
  'InnoDB: .*(?:page corruption|is corrupted|corrupted page|checksum mismatch|failed read of file|marked as corrupted)';
const OF_TABLES =
  '(?:/[^:]*/)?(?:mariadbd|mysqld): (?:Index for table .* is corrupt|Table .* is (?:marked as crashed|corrupted))';
const OF_DAMAGE = `(?:${OF_PAGES}|${OF_TABLES})`;

/** A line by which a server says that pages of its files are damaged. */
export const PAGE_DAMAGE = new RegExp(`^${BY_THE_SERVER}${OF_DAMAGE}`, 'i');
/** The same among the last words of a server. */
const DAMAGE_IN_TEXT = new RegExp(`${BY_THE_SERVER}${OF_DAMAGE}`, 'i');

/** Words of a start that fails for reasons that other data would not change. A server only warns of a `loose` option. */
const NOT_THE_DATA =
  /\[ERROR\][^\n]*unknown (variable|option|suffix)|Can't start server|No space left|errno: 28|Cannot allocate memory|Out of memory/i;

/** The table or file that such a line names. */
const FILE = /[\w@$#]+\/[\w@$#]+\.ibd|`[^`]+`\.`[^`]+`/;

/** What such a start failed with: another error is another trouble. */
const ERROR = /\[ERROR\] (.{0,80})/;

const STARTS_MAX = 3;
/** Crashes with such words further apart than this are not one trouble. */
const TOGETHER_MS = 600_000;

export interface ServerEnd {
  /** It had answered. */
  readonly wasUp: boolean;
  /** How it ended, with its last words. */
  readonly reason: string;
  /** Null = by itself, or it is not known. */
  readonly killedBy: string | null;
}

/** Whether the data of a server that ends again and again is of any use. Pure. */
export class StartTrouble {
  #failedStarts = 0;
  #damageAtMs: number | null = null;

  up(): void {
    this.#failedStarts = 0;
  }

  /** A server ended that nobody had asked to. */
  ended({ wasUp, reason, killedBy }: ServerEnd, nowMs: number): SeedNeed | null {
    // By whom that may be, the data did not do it.
    if (killedBy === 'SIGKILL' || killedBy === 'SIGTERM' || NOT_THE_DATA.test(reason)) return null;
    if (wasUp) return this.#crashed(reason, nowMs);
    if (++this.#failedStarts < STARTS_MAX) return null;
    return {
      cause: 'server-start',
      reason: `The server did not start ${this.#failedStarts} times in a row: ${reason}`,
      closes: true,
      trouble: `server-start ${ERROR.exec(reason)?.[1] ?? ''}`,
    };
  }

  #crashed(reason: string, nowMs: number): SeedNeed | null {
    if (!DAMAGE_IN_TEXT.test(reason)) return null;
    const isAgain = this.#damageAtMs !== null && nowMs - this.#damageAtMs < TOGETHER_MS;
    this.#damageAtMs = nowMs;
    return isAgain ? this.damage(reason) : null;
  }

  /** The server says that pages of its files are damaged. */
  damage(line: string): SeedNeed {
    return {
      cause: 'page-damage',
      reason: `Files of its server are damaged: ${line}`,
      closes: true,
      trouble: `page-damage ${FILE.exec(line)?.[0] ?? ''}`,
    };
  }
}
