import type { ServerWords } from '../flavour/server-program.js';
import type { SeedNeed } from '../model/seed.js';

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
  readonly #words: ServerWords;
  #failedStarts = 0;
  #damageAtMs: number | null = null;

  constructor(words: ServerWords) {
    this.#words = words;
  }

  up(): void {
    this.#failedStarts = 0;
  }

  /** A server ended that nobody had asked to. */
  ended({ wasUp, reason, killedBy }: ServerEnd, nowMs: number): SeedNeed | null {
    // By whom that may be, the data did not do it.
    if (killedBy === 'SIGKILL' || killedBy === 'SIGTERM' || this.#words.notTheData.test(reason)) return null;
    if (wasUp) return this.#crashed(reason, nowMs);
    if (++this.#failedStarts < STARTS_MAX) return null;
    return {
      cause: 'server-start',
      reason: `The server did not start ${this.#failedStarts} times in a row: ${reason}`,
      closes: true,
      trouble: `server-start ${this.#words.error.exec(reason)?.[1] ?? ''}`,
    };
  }

  #crashed(reason: string, nowMs: number): SeedNeed | null {
    if (!this.#words.damageInText.test(reason)) return null;
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
      trouble: `page-damage ${this.#words.file.exec(line)?.[0] ?? ''}`,
    };
  }
}
