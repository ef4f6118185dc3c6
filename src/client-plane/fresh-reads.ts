import type { Flavour } from '../flavour/flavour.js';
import type { Connection } from '../mysql-client/connection.js';
import { KeptSession } from '../mysql-client/kept-session.js';
import { FreshAnswers } from '../std/fresh-answers.js';
import { withDeadline } from '../std/timing.js';

export interface FreshReadsModules {
  readonly flavour: Pick<Flavour, 'countOf' | 'sql'>;
  /** A session on the primary's server. */
  connect(): Promise<Connection>;
  /** True when the local server has applied everything up to `ordinal` in time. */
  waitApplied(ordinal: number, timeoutMs: number): Promise<boolean>;
}

/**
 * Lets a replica's read see every write that was acknowledged before the read arrived. It asks the primary where its log
 * ends, and waits until the local server has applied that. One question serves all reads that arrived before it was sent.
 */
export class FreshReads {
  readonly #waitMs: number;
  readonly #modules: FreshReadsModules;
  readonly #session: KeptSession;
  /** The end of the primary's log, as it was at some moment after the call. */
  readonly #logEnd = new FreshAnswers(() => this.#question());

  constructor(options: { waitMs: number }, modules: FreshReadsModules) {
    this.#waitMs = options.waitMs;
    this.#modules = modules;
    this.#session = new KeptSession(() => modules.connect());
  }

  /** False when the server did not get there in time, or the primary did not answer. */
  async wait(): Promise<boolean> {
    const deadline = performance.now() + this.#waitMs;
    try {
      const ordinal = await withDeadline(
        this.#logEnd.get(),
        this.#waitMs,
        "The query of the primary's log position",
      );
      return await this.#modules.waitApplied(ordinal, Math.max(0, deadline - performance.now()));
    } catch {
      return false;
    }
  }

  stop(): void {
    this.#session.drop();
  }

  async #question(): Promise<number> {
    const { sql, countOf } = this.#modules.flavour;
    const [row] = await this.#session.use((connection) =>
      // A session to a primary that hangs must not delay later requests.
      withDeadline(
        connection.query(`SELECT ${sql.positions.logged}`),
        this.#waitMs,
        "The query of the primary's log position",
      ),
    );
    return countOf(row?.[0] ?? '');
  }
}
