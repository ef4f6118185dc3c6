/** The tables of the schema `skein`, read with the account of the admin role and written with the node's own account. */

import { ApiError, notOpen, notPrimary } from '../../api/api-error.js';
import type { Committed, NodeView, ServerAccess } from '../../api/node-view.js';
import type { SystemExecutor } from '../../auth/system-executor.js';
import type { Connection } from '../../mysql-client/connection.js';
import type { BoundParameter } from '../../mysql-client/parameters.js';
import { Cancellation } from '../../std/cancellation.js';
import { CANCELLED, unlessCancelled } from '../../std/unless-cancelled.js';
import { connectAs, GenerationSession } from '../generation-session.js';

export class SystemTable {
  readonly #node: NodeView;
  readonly #reader = new GenerationSession((access) => connectAs(access, 'skein_admin'));

  constructor(modules: { node: NodeView }) {
    this.#node = modules.node;
  }

  /** Reads from this node's server. */
  readonly reader: SystemExecutor = {
    query: async (sql) => (await this.#reader.get(this.access())).queryRows(sql),
  };

  /** A replica that is not ready may lack what was written long ago. */
  get isReady(): boolean {
    return this.#node.ready().ok;
  }

  close(): void {
    this.#reader.close();
  }

  /** @throws ApiError 503 SERVER_DOWN */
  access(): ServerAccess {
    const access = this.#node.server();
    if (access) return access;
    const openness = this.#node.isOpen();
    if (!openness.open && openness.code === 'WITNESS') throw notOpen(openness, this.#node.primaryHttp());
    throw new ApiError(503, 'SERVER_DOWN', 'The local database server is not reachable.', {
      retryable: true,
    });
  }

  /** @throws ApiError 421 NOT_PRIMARY, 503 */
  refuseUnlessOpen(): void {
    if (this.#node.role() !== 'primary') throw notPrimary(this.#node.primaryHttp());
    const openness = this.#node.isOpen();
    if (!openness.open) throw notOpen(openness, this.#node.primaryHttp());
  }

  /**
   * Runs one statement on the open primary, and resolves when the quorum has it. Null when it changed no row.
   * @throws ApiError 421 NOT_PRIMARY, 503, 504 OUTCOME_UNKNOWN
   */
  async write(sql: string, values: readonly (string | null)[], timeoutMs: number): Promise<Committed | null> {
    this.refuseUnlessOpen();
    const connection = await connectAs(this.access(), 'skein');
    const over = new Cancellation();
    const timer = setTimeout(() => over.cancel(), timeoutMs);
    try {
      return await unlessCancelled(this.#writeIn(connection, sql, values, over), over);
    } catch (error) {
      if (error !== CANCELLED) throw error;
      throw new ApiError(504, 'OUTCOME_UNKNOWN', 'The change was not confirmed in time.', {
        applied: 'unknown',
      });
    } finally {
      clearTimeout(timer);
      // The statement is not killed. A commit that waits for its quorum goes on in the server.
      connection.destroy();
    }
  }

  async #writeIn(
    connection: Connection,
    sql: string,
    values: readonly (string | null)[],
    over: Cancellation,
  ): Promise<Committed | null> {
    // This account may write on a read-only server. So the node asks first whether the server is read-only.
    const [row] = await connection.query('SELECT @@GLOBAL.read_only');
    if (row?.[0] !== '0') throw notPrimary(this.#node.primaryHttp());
    const prepared = await connection.prepare(sql);
    let affected = 0n;
    const parameters = values.map(
      (value): BoundParameter => (value === null ? { kind: 'null' } : { kind: 'text', value }),
    );
    await connection.execute(prepared, parameters, {
      columns() {},
      row() {},
      end(result) {
        affected = result.affectedRows;
      },
    });
    if (affected === 0n) return null;
    const { gtid } = await this.#node.flavour.sql.lastWritten(connection);
    return this.#node.waitCommitted(gtid, this.#node.acknowledge(), { over });
  }
}
