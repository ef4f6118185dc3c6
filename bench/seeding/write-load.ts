import type { Connection } from 'mysql2/promise';
import { sleep } from '../../src/std/timing.js';
import { openSql } from '../../test/kit/sql-node.js';
import { DATABASE, type Endpoint } from '../throughput/sysbench.js';
import { DATA_TABLES } from './data.js';

/** Rows that clients change, in each table: 80 MB in all, which a server keeps in memory. */
const HOT_ROWS = 20_000;
const TEXT = 'An arrival as an application writes it, with some words of its own. '.repeat(2);

export interface LoadWindow {
  readonly seconds: number;
  readonly transactions: number;
  readonly perSecond: number;
  /** Of one transaction, as its client saw it, milliseconds. */
  readonly meanMs: number;
  readonly longestMs: number;
}

export interface LoadOptions {
  readonly clients: number;
  readonly rowsOfTable: number;
  /**
   * Transactions a second that the clients start together; the one that is late does the next ones without a pause until it has
   * caught up. null = no pause.
   */
  readonly pace: number | null;
}

/** Clients that write, without a pause or at a pace: each transaction changes one row of the data and inserts one. */
export class WriteLoad {
  readonly #connections: Connection[] = [];
  #clients: Promise<void>[] = [];
  #isOver = false;
  #failure: unknown = null;
  #since = 0;
  #transactions = 0;
  #workedMs = 0;
  #longestMs = 0;
  readonly #intervalMs: number;

  /** @param intervalMs between the starts of two transactions of one client; 0 = no pause */
  private constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  static async start(endpoint: Endpoint, { clients, rowsOfTable, pace }: LoadOptions): Promise<WriteLoad> {
    const load = new WriteLoad(pace === null ? 0 : (1000 * clients) / pace);
    for (let i = 0; i < clients; i++) {
      load.#connections.push(await openSql({ host: '127.0.0.1', ...endpoint, multipleStatements: true }));
    }
    const hot = Math.min(HOT_ROWS, rowsOfTable);
    load.#clients = load.#connections.map((connection) => load.#write(connection, hot));
    load.window();
    return load;
  }

  /** What was done since the window before; another one begins. @throws the error that ended a client */
  window(): LoadWindow {
    if (this.#failure !== null) throw this.#failure;
    const now = performance.now();
    const seconds = (now - this.#since) / 1000;
    const transactions = this.#transactions;
    const done = {
      seconds,
      transactions,
      perSecond: transactions / seconds,
      meanMs: this.#workedMs / transactions,
      longestMs: this.#longestMs,
    };
    this.#since = now;
    this.#transactions = 0;
    this.#workedMs = 0;
    this.#longestMs = 0;
    return done;
  }

  /** Resolves when no transaction is under way. @throws the error that ended a client */
  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#clients);
    for (const connection of this.#connections) connection.destroy();
    if (this.#failure !== null) throw this.#failure;
  }

  async #write(connection: Connection, hot: number): Promise<void> {
    let dueAt = performance.now();
    try {
      while (!this.#isOver) {
        dueAt = this.#intervalMs === 0 ? performance.now() : dueAt + this.#intervalMs;
        const early = dueAt - performance.now();
        if (early >= 1) await sleep(early);
        const table = 1 + Math.floor(Math.random() * DATA_TABLES);
        const id = 1 + Math.floor(Math.random() * hot);
        const began = performance.now();
        await connection.query(
          `BEGIN; UPDATE ${DATABASE}.data_${table} SET counter = counter + 1 WHERE id = ?;
           INSERT INTO ${DATABASE}.arrivals (text) VALUES (?); COMMIT`,
          [id, TEXT],
        );
        const ms = performance.now() - began;
        this.#transactions++;
        this.#workedMs += ms;
        this.#longestMs = Math.max(this.#longestMs, ms);
      }
    } catch (error) {
      this.#failure ??= error;
      this.#isOver = true;
    }
  }
}
