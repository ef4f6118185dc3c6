import type { Connection } from 'mysql2/promise';
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
  readonly longestMs: number;
}

/** Clients that write without a pause: each transaction changes one row of the data and inserts one. */
export class WriteLoad {
  readonly #connections: Connection[] = [];
  #clients: Promise<void>[] = [];
  #isOver = false;
  #failure: unknown = null;
  #since = 0;
  #transactions = 0;
  #longestMs = 0;

  static async start(
    endpoint: Endpoint,
    { clients, rowsOfTable }: { clients: number; rowsOfTable: number },
  ): Promise<WriteLoad> {
    const load = new WriteLoad();
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
      longestMs: this.#longestMs,
    };
    this.#since = now;
    this.#transactions = 0;
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
    try {
      while (!this.#isOver) {
        const table = 1 + Math.floor(Math.random() * DATA_TABLES);
        const id = 1 + Math.floor(Math.random() * hot);
        const began = performance.now();
        await connection.query(
          `BEGIN; UPDATE ${DATABASE}.data_${table} SET counter = counter + 1 WHERE id = ?;
           INSERT INTO ${DATABASE}.arrivals (text) VALUES (?); COMMIT`,
          [id, TEXT],
        );
        this.#transactions++;
        this.#longestMs = Math.max(this.#longestMs, performance.now() - began);
      }
    } catch (error) {
      this.#failure ??= error;
      this.#isOver = true;
    }
  }
}
