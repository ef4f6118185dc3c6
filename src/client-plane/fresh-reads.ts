import type { Connection } from '../mysql-client/connection.js';
import { KeptSession } from '../mysql-client/kept-session.js';
import { FreshAnswers } from '../std/fresh-answers.js';
import { withDeadline } from '../std/timing.js';

export interface FreshReadsModules {
  /** A session on the primary's server. */
  connect(): Promise<Connection>;
  /** Whether the local server has applied this in time. */
  waitApplied(gtid: string, timeoutMs: number): Promise<boolean>;
}

/**
 * Reads of a replica that see all that was answered before they came: the primary is asked where its log ends, and the
 * local server has to get there. One question at a time serves all requests that came before it was asked.
 */
export class FreshReads {
  readonly #waitMs: number;
  readonly #modules: FreshReadsModules;
  readonly #session: KeptSession;
  /** The end of the primary's log at some moment after each question. */
  readonly #logEnd = new FreshAnswers(() => this.#question());

  constructor(options: { waitMs: number }, modules: FreshReadsModules) {
    this.#waitMs = options.waitMs;
    this.#modules = modules;
    this.#session = new KeptSession(() => modules.connect());
  }

  /** False: not in time, or the primary did not say. */
  async wait(): Promise<boolean> {
    const deadline = performance.now() + this.#waitMs;
    try {
      const gtid = await withDeadline(
        this.#logEnd.get(),
        this.#waitMs,
        "The primary's answer to where its log ends",
      );
      return (
        gtid === '' || (await this.#modules.waitApplied(gtid, Math.max(0, deadline - performance.now())))
      );
    } catch {
      return false;
    }
  }

  stop(): void {
    this.#session.drop();
  }

  async #question(): Promise<string> {
    const [row] = await this.#session.use((connection) =>
      // A session whose peer hangs must not delay later requests.
      withDeadline(connection.query('SELECT @@global.gtid_binlog_pos'), this.#waitMs, 'The primary'),
    );
    return ownDomain(row?.[0] ?? '');
  }
}

/** Skein writes in domain 0 alone. */
function ownDomain(position: string): string {
  return position.split(',').find((gtid) => gtid.startsWith('0-')) ?? '';
}
