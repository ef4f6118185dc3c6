import type { Connection, RowDataPacket } from 'mysql2/promise';
import { gtidOfDomain, parseMariadbGtid } from '../mysql-protocol/mariadb-gtid.js';
import { sleep, withDeadline } from '../std/timing.js';

/** While somebody waits, the position is asked for so often; each question costs the server some 30 microseconds. */
const POLL_MS = 1;
/** A server that needs longer to say where it stands hangs. */
const ANSWER_MS = 10_000;
/** More waiting reads than this are told at once that it takes too long. */
const WAITERS_MAX = 10_000;

interface Waiter {
  sequence: number;
  deadline: number;
  settle(reached: boolean): void;
}

/**
 * Waits until the server has applied a GTID, for any number of readers with one session: while there are waiters the
 * server's position is polled, and when there are none nothing is asked.
 */
export class AppliedWait {
  readonly #connect: () => Promise<Connection>;
  readonly #waiters = new Set<Waiter>();
  #session: Promise<Connection> | null = null;
  #polling = false;
  #leave: () => void = () => {};

  constructor(modules: { connect: () => Promise<Connection> }) {
    this.#connect = modules.connect;
  }

  wait(gtid: string, timeoutMs: number): Promise<boolean> {
    const { sequence } = parseMariadbGtid(gtid);
    if (this.#waiters.size >= WAITERS_MAX) return Promise.resolve(false);
    return new Promise((resolve) => {
      const waiter: Waiter = {
        sequence,
        deadline: performance.now() + timeoutMs,
        settle: (reached) => {
          this.#waiters.delete(waiter);
          resolve(reached);
        },
      };
      this.#waiters.add(waiter);
      if (!this.#polling) void this.#poll();
    });
  }

  serverDown(): void {
    // A query on a session that is destroyed is never settled, and would hold up all later waits.
    this.#leave();
    this.#session?.then((connection) => connection.destroy()).catch(() => {});
    this.#session = null;
  }

  async #poll(): Promise<void> {
    this.#polling = true;
    while (this.#waiters.size > 0) {
      const applied = await this.#applied();
      const now = performance.now();
      for (const waiter of this.#waiters) {
        if (applied !== null && waiter.sequence <= applied) waiter.settle(true);
        else if (now >= waiter.deadline) waiter.settle(false);
      }
      if (this.#waiters.size > 0) await sleep(applied === null ? 20 * POLL_MS : POLL_MS);
    }
    this.#polling = false;
  }

  /** Null when the server can not be asked now. */
  async #applied(): Promise<number | null> {
    this.#session ??= this.#connect();
    try {
      const down = new Promise<null>((resolve) => {
        this.#leave = () => resolve(null);
      });
      const position = await Promise.race([this.#ask(this.#session), down]);
      return position === null ? null : (gtidOfDomain(position, 0)?.sequence ?? 0);
    } catch {
      this.serverDown();
      return null;
    }
  }

  async #ask(session: Promise<Connection>): Promise<string> {
    const connection = await session;
    const query = connection.query<RowDataPacket[]>('SELECT @@global.gtid_slave_pos AS position');
    const [rows] = await withDeadline(query, ANSWER_MS, "The server's answer to where it stands");
    return String(rows[0]?.position ?? '');
  }
}
