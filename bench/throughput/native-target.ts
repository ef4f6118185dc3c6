import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { mariadb } from '../../src/flavour/mariadb/mariadb.js';
import { accountPassword } from '../../src/mysql-control/accounts.js';
import { MariadbControl } from '../../src/mysql-control/control.js';
import type { ServerBinary } from '../../src/server-packages/server-binary.js';
import { ManagedServer } from '../../src/server-process/managed-server.js';
import { silentLogger } from '../../src/std/logger.js';
import { sequenceOf } from '../../test/kit/checksum.js';
import { openSql, rowsOf, run, type SqlNode, withSql } from '../../test/kit/sql-node.js';
import { until } from '../../test/kit/until.js';
import type { Mode } from './modes.js';
import { type NamedProcess, signalAll } from './process-figures.js';
import type { Endpoint } from './sysbench.js';
import { SERVER_SIZES, type Target } from './target.js';

/** As the first primary of a Skein cluster has it. */
const PRIMARY_SERVER_ID = 1_000_001;
const REPLICATION_USER = 'native_repl';
const NO_SEMI_SYNC_PRIMARY = '--rpl-semi-sync-master-enabled=0';
/** A paused IO thread may have to dial again, which it does each second. */
const RESUME_DEADLINE_MS = 30_000;

/** MariaDB's own replication between servers that are started as Skein's are: the primary is followed directly, by GTID. */
export class NativeTarget implements Target {
  readonly id: string;
  readonly #mode: Mode & { kind: 'native' };
  readonly #secret: Buffer;
  readonly #replicationPassword = randomBytes(16).toString('base64url');
  readonly #servers: ManagedServer[] = [];
  readonly #nodes: SqlNode[] = [];

  static async start(
    mode: Mode & { kind: 'native' },
    modules: { directory: string; binary: ServerBinary; cacheDir: string },
  ): Promise<NativeTarget> {
    const target = new NativeTarget(mode);
    try {
      await target.#start(modules);
      return target;
    } catch (error) {
      await target.dispose().catch(() => {});
      throw error;
    }
  }

  private constructor(mode: Mode & { kind: 'native' }) {
    this.id = mode.id;
    this.#mode = mode;
    this.#secret = Buffer.from(randomBytes(32).toString('base64url'));
  }

  get primary(): SqlNode {
    const [primary] = this.#nodes;
    if (!primary) throw new Error('not started');
    return primary;
  }

  get replicas(): readonly SqlNode[] {
    return this.#nodes.slice(1);
  }

  get endpoint(): Endpoint {
    return { port: this.#portOf(0), user: 'app', password: accountPassword(this.#secret, 'app') };
  }

  async processes(): Promise<NamedProcess[]> {
    return this.#servers.flatMap(({ current }, at) =>
      current === null ? [] : [{ name: `n${at + 1}.server`, pid: current.pid }],
    );
  }

  received(replica: SqlNode): Promise<number> {
    return withSql(replica, async (connection) => {
      const [row] = await rowsOf(connection, 'SHOW SLAVE STATUS');
      return sequenceOf(String(row?.Gtid_IO_Pos ?? ''));
    });
  }

  async stopReplicas(): Promise<void> {
    await Promise.all(this.#servers.slice(1).map((server) => server.stop()));
  }

  async startReplicas(): Promise<void> {
    await Promise.all(
      this.#servers.slice(1).map(async (server, at) => {
        await server.start();
        await this.#follow(at + 1);
      }),
    );
  }

  async pause(): Promise<void> {
    signalAll(await this.processes(), 'SIGSTOP');
  }

  async resume(): Promise<void> {
    signalAll(await this.processes(), 'SIGCONT');
    for (const replica of this.replicas) {
      await until(`${this.id}: ${replica.name} replicates again`, () => this.#replicates(replica), {
        deadlineMs: RESUME_DEADLINE_MS,
      });
    }
  }

  async dispose(): Promise<void> {
    signalAll(await this.processes(), 'SIGCONT');
    // A shutdown would wait for commits that nobody acknowledges any more; nothing here has to be kept.
    await Promise.all(this.#servers.map((server) => server.kill('the bench is over')));
  }

  async #start(modules: { directory: string; binary: ServerBinary; cacheDir: string }): Promise<void> {
    const { directory, binary, cacheDir } = modules;
    const password = accountPassword(this.#secret, 'skein');
    for (let at = 0; at <= this.#mode.replicas; at++) {
      const name = `n${at + 1}`;
      const server = new ManagedServer(
        {
          directory: join(directory, name),
          secret: this.#secret,
          bufferPoolBytes: SERVER_SIZES.bufferPoolBytes,
          extraArgs: [...SERVER_SIZES.args, ...this.#semiSyncArgs(at), ...this.#relayArgs(at)],
        },
        { binary, program: mariadb.program, cacheDir, logger: silentLogger },
      );
      await server.start();
      this.#servers.push(server);
      this.#nodes.push({
        name,
        connect: (options) =>
          openSql({ socketPath: server.current?.socketPath ?? '', user: 'skein', password, ...options }),
      });
    }
    await this.#replicate();
    const control = new MariadbControl(
      { secret: this.#secret },
      { socketPath: () => this.#servers[0]?.current?.socketPath ?? null, flavour: mariadb },
    );
    await control.openAsPrimary({ serverId: PRIMARY_SERVER_ID });
    control.close();
  }

  #semiSyncArgs(at: number): string[] {
    if (!this.#mode.semiSync) return [NO_SEMI_SYNC_PRIMARY];
    return at === 0 ? [] : [NO_SEMI_SYNC_PRIMARY, '--rpl-semi-sync-slave-enabled=1'];
  }

  #relayArgs(at: number): string[] {
    if (at === 0) return [];
    const { durable, gathering } = this.#mode;
    return [
      ...(durable ? ['--sync-relay-log=1'] : []),
      ...(gathering ? ['--binlog-commit-wait-count=8', '--binlog-commit-wait-usec=5000'] : []),
    ];
  }

  async #replicate(): Promise<void> {
    await this.#command(0, 'SET SESSION sql_log_bin = 0', [
      `CREATE USER ${REPLICATION_USER}@127.0.0.1 IDENTIFIED BY '${this.#replicationPassword}'`,
      `GRANT REPLICATION SLAVE ON *.* TO ${REPLICATION_USER}@127.0.0.1`,
    ]);
    for (let at = 1; at <= this.#mode.replicas; at++) await this.#follow(at);
    await this.resume();
  }

  /** Also after each start: a managed server comes up without the state of its relay. */
  async #follow(at: number): Promise<void> {
    await this.#command(
      at,
      `CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=${this.#portOf(0)}, MASTER_USER='${REPLICATION_USER}',
        MASTER_PASSWORD='${this.#replicationPassword}', MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1,
        MASTER_HEARTBEAT_PERIOD=2`,
      ['START SLAVE'],
    );
  }

  async #replicates(replica: SqlNode): Promise<boolean> {
    return await withSql(replica, async (connection) => {
      const [row] = await rowsOf(connection, 'SHOW SLAVE STATUS');
      return row?.Slave_IO_Running === 'Yes' && row.Slave_SQL_Running === 'Yes';
    });
  }

  async #command(at: number, first: string, more: readonly string[] = []): Promise<void> {
    const node = this.#nodes[at];
    if (!node) throw new Error(`no server n${at + 1}`);
    await withSql(node, async (connection) => {
      for (const sql of [first, ...more]) await run(connection, sql);
    });
  }

  #portOf(at: number): number {
    const port = this.#servers[at]?.current?.port;
    if (port === undefined) throw new Error(`n${at + 1}'s server is down`);
    return port;
  }
}
