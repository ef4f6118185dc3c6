/** The token table through sessions of our own: read with the admin role's account, written with the node's. */
import {
  DELETE_TOKEN,
  INSERT_TOKEN,
  loadTokens,
  ROTATE_TOKEN,
  type SystemExecutor,
  type TokenRecord,
} from '../auth/system-schema.js';
import { ABORTED, beforeEnd } from '../std/before-end.js';
import { Ending } from '../std/ending.js';
import { ApiError, notPrimary } from './api-error.js';
import { Connection } from './mysql/connection.js';
import type { BoundParameter } from './mysql/parameters.js';
import type { Committed, NodeView, ServerAccess } from './node-view.js';

export class TokenTable {
  readonly #node: NodeView;
  #reader: { connection: Connection; generation: string } | null = null;

  constructor(modules: { node: NodeView }) {
    this.#node = modules.node;
  }

  load(): Promise<TokenRecord[] | null> {
    const executor: SystemExecutor = {
      query: async (sql) => {
        const reader = await this.#readSession();
        const { names, rows } = await reader.queryNamed(sql);
        return rows.map((row) => Object.fromEntries(names.map((name, i) => [name, row[i] ?? null])));
      },
    };
    return loadTokens(executor);
  }

  insert(
    values: readonly [
      id: string,
      name: string,
      role: string,
      hash: string,
      expiresAt: string | null,
      rateLimit: string | null,
    ],
    timeoutMs: number,
  ): Promise<Committed> {
    return this.#write(INSERT_TOKEN, values, timeoutMs);
  }

  /** @throws ApiError 404 when there is no such token */
  delete(id: string, timeoutMs: number): Promise<Committed> {
    return this.#write(DELETE_TOKEN, [id], timeoutMs);
  }

  /** @throws ApiError 404 when there is no such token */
  rotate(id: string, hash: string, previousUntil: string | null, timeoutMs: number): Promise<Committed> {
    return this.#write(ROTATE_TOKEN, [hash, previousUntil, id], timeoutMs);
  }

  close(): void {
    this.#reader?.connection.destroy();
    this.#reader = null;
  }

  #access(): ServerAccess {
    const access = this.#node.server();
    if (access) return access;
    throw new ApiError(503, 'SERVER_DOWN', 'The local database server is not reachable.', {
      retryable: true,
    });
  }

  async #readSession(): Promise<Connection> {
    const access = this.#access();
    const reader = this.#reader;
    if (reader && reader.generation === access.generation && !reader.connection.broken)
      return reader.connection;
    this.close();
    const connection = await connectAs(access, 'skein_admin');
    this.#reader = { connection, generation: access.generation };
    return connection;
  }

  /** One statement on the open primary, answered when its quorum has it. */
  async #write(sql: string, values: readonly (string | null)[], timeoutMs: number): Promise<Committed> {
    if (this.#node.role() !== 'primary') throw notPrimary(this.#node.primaryHttp());
    const openness = this.#node.isOpen();
    if (!openness.open) throw new ApiError(503, openness.code, openness.reason, { retryable: true });
    const connection = await connectAs(this.#access(), 'skein');
    const over = new Ending();
    const timer = setTimeout(() => over.end(), timeoutMs);
    try {
      return await beforeEnd(this.#writeIn(connection, sql, values, over), over);
    } catch (error) {
      if (error !== ABORTED) throw error;
      throw new ApiError(504, 'OUTCOME_UNKNOWN', 'The change of the token was not confirmed in time.', {
        applied: 'unknown',
      });
    } finally {
      clearTimeout(timer);
      // The node's own account never has a statement killed; a commit that still waits goes on without us.
      connection.destroy();
    }
  }

  async #writeIn(
    connection: Connection,
    sql: string,
    values: readonly (string | null)[],
    over: Ending,
  ): Promise<Committed> {
    // This account may write on a read-only server, so the server's own word is asked for first.
    const [row] = await connection.query('SELECT @@GLOBAL.read_only');
    if (row?.[0] !== '0') throw notPrimary(this.#node.primaryHttp());
    const prepared = await connection.prepare(sql);
    let affected = 0n;
    const parameters = values.map(
      (value): BoundParameter => (value === null ? { kind: 'null' } : { kind: 'text', value }),
    );
    await connection.execute(prepared.id, parameters, {
      columns() {},
      row() {},
      end(result) {
        affected = result.affectedRows;
      },
    });
    if (affected === 0n) throw new ApiError(404, 'NOT_FOUND', 'There is no such token.');
    const [gtid] = await connection.query('SELECT @@last_gtid');
    return this.#node.waitCommitted(gtid?.[0] ?? '', this.#node.acknowledge(), { over });
  }
}

function connectAs(access: ServerAccess, user: 'skein' | 'skein_admin'): Promise<Connection> {
  return Connection.connect({
    address: { socketPath: access.socketPath },
    user,
    password: access.passwordOf(user),
  });
}
