import { Readable } from 'node:stream';
/**
 * The smallest honest node behind HTTP: one real server, open as a primary whose quorum is itself, or closed as a
 * replica. `hold()` keeps the quorum away, so that a test can see what HTTP does with a write that waits.
 */

import { tmpdir } from 'node:os';
import type { Committed, NodeView, Openness } from '../../src/api/node-view.js';
import { PlaneJoining } from '../../src/client-plane/joining.js';
import { EventRing } from '../../src/events/event-ring.js';
import type { AccountName } from '../../src/flavour/accounts.js';
import { mariadb } from '../../src/flavour/mariadb/mariadb.js';
import { SkeinError } from '../../src/model/error.js';
import type { Position } from '../../src/model/position.js';
import type { Promotion } from '../../src/model/promotion.js';
import type { Role } from '../../src/model/status.js';
import type { Switchover } from '../../src/model/switchover.js';
import type { RoundReport, VerifyDocument, VerifyRequest } from '../../src/model/verify.js';
import { Connection } from '../../src/mysql-client/connection.js';
import { accountPassword, userPassword } from '../../src/mysql-control/accounts.js';
import { UserAccounts } from '../../src/mysql-control/user-accounts.js';
import type { ManagedServer } from '../../src/server-process/managed-server.js';
import type { Cancellation } from '../../src/std/cancellation.js';
import { sleep } from '../../src/std/timing.js';
import { CANCELLED } from '../../src/std/unless-cancelled.js';

export interface HonestNodeOptions {
  readonly name: string;
  readonly role: Role;
  readonly secret: Buffer;
  readonly primaryHttp: () => string | null;
  readonly dumpProgram?: string;
}

export class HonestNode implements NodeView {
  readonly name: string;
  readonly cluster = 'test';
  readonly clusterId = '0'.repeat(32);
  readonly events = new EventRing(100);
  readonly log: string[] = [];
  openness: Openness = { open: true };
  lagMs = 0;
  lost: string | null = null;
  readonly joining: PlaneJoining;
  readonly #options: HonestNodeOptions;
  readonly #server: ManagedServer;
  #role: Role;
  /** Changes of the role. */
  #moves = 0;
  /** Requests that have got a session. */
  sessionsGiven = 0;
  /** Requests that have asked for a position. */
  positionsAsked = 0;
  #applied = '';
  loginsRefused = 0;
  #held: Array<() => void> | null = null;
  readonly flavour = mariadb;
  #control: Connection | null = null;
  #round: RoundReport | null = null;

  constructor(options: HonestNodeOptions, server: ManagedServer) {
    this.name = options.name;
    this.#options = options;
    this.#role = options.role;
    this.#server = server;
    this.joining = new PlaneJoining({ config: { directory: tmpdir(), tls: null }, secret: options.secret });
  }

  /** A session of the node's own account. */
  async control(): Promise<Connection> {
    if (this.#control && !this.#control.broken) return this.#control;
    const access = this.server();
    if (!access) throw new Error('the server is down');
    this.#control = await Connection.connect({
      address: { socketPath: access.socketPath },
      user: 'skein',
      password: access.passwordOf('skein'),
    });
    return this.#control;
  }

  async open(): Promise<void> {
    const control = await this.control();
    await control.run('SET GLOBAL server_id = 1000001');
    this.close();
    const own = await this.control();
    await own.run('SET SESSION sql_log_bin = 0');
    for (const statement of this.flavour.accounts.writerStatements(true)) await own.run(statement);
    await own.run('SET SESSION sql_log_bin = 1');
    await own.run('SET GLOBAL read_only = 0');
  }

  close(): void {
    this.#control?.destroy();
  }

  /** From now on no write reaches its quorum, until the returned function is called. */
  hold(): () => void {
    const held: Array<() => void> = [];
    this.#held = held;
    return () => {
      this.#held = null;
      for (const go of held) go();
    };
  }

  /** Writes that wait for the quorum that is held away. */
  get waiting(): number {
    return this.#held?.length ?? 0;
  }

  role(): Role {
    return this.#role;
  }

  /** The node alone: the server is opened or closed by the test. */
  becomes(role: Role): void {
    this.#role = role;
    this.#moves++;
  }

  epoch(): number {
    return 1;
  }

  isOpen(): Openness {
    return this.openness;
  }

  ready() {
    const ok = this.openness.open;
    return {
      ok,
      role: this.role(),
      state: 'live' as const,
      lagMs: this.lagMs,
      reason: this.openness.open ? null : this.openness.reason,
    };
  }

  async statements() {
    const control = await this.control();
    return await this.flavour.sql.clientStatements((sql) => control.queryRows(sql));
  }

  async endStatement(id: number) {
    await (await this.control()).run(`KILL QUERY ID ${id}`);
    return null;
  }

  memberOrigins() {
    return new Set(['http://127.0.0.1:8084']);
  }

  history() {
    return { stepMs: 1000, endsAt: null, members: [] };
  }

  async clusterStatus() {
    return {
      cluster: 'test',
      epoch: 1,
      primary: 'n1',
      acknowledge: 'majority' as const,
      quorum: { needed: 1, attached: 1, voters: 1 },
      change: null,
      members: [],
      warnings: [],
    };
  }

  async members() {
    const { cluster, clusterId } = this;
    return { cluster, clusterId, epoch: 1, number: 0, primary: 'n1', members: [], change: null };
  }

  async addMember(): Promise<void> {}

  async removeMember(): Promise<void> {}

  acknowledge() {
    return 'majority' as const;
  }

  primaryHttp(): string | null {
    return this.#options.primaryHttp();
  }

  primaryIs() {
    if (this.role() === 'primary') return this.openness.open ? ('here' as const) : null;
    return this.primaryHttp() === null ? null : ('elsewhere' as const);
  }

  onPrimary() {
    return () => {};
  }

  server() {
    const up = this.#server.current;
    if (!up) return null;
    return {
      socketPath: up.socketPath,
      dumpProgram: this.#options.dumpProgram ?? 'mariadb-dump',
      generation: `${up.pid}.${this.#moves}`,
      passwordOf: (account: AccountName | 'skein_outcomes') => accountPassword(this.#options.secret, account),
      userPassword: (user: { name: string; salt: string }) => userPassword(this.#options.secret, user),
      loginRefused: () => {
        this.loginsRefused++;
      },
    };
  }

  appliedPosition(): Position {
    this.sessionsGiven++;
    return positionOf(this.#applied);
  }

  async waitApplied(position: Position, options: { timeoutMs: number; signal: AbortSignal }): Promise<void> {
    this.positionsAsked++;
    if (this.lost === position.gtid) throw new SkeinError('TRANSACTION_LOST', 'That transaction was lost.');
    const reached = async () => {
      const rows = await (await this.control()).query('SELECT @@GLOBAL.gtid_binlog_pos');
      return positionOf(rows[0]?.[0] ?? '').ordinal >= position.ordinal;
    };
    const until = performance.now() + options.timeoutMs;
    while (!(await reached())) {
      if (performance.now() >= until) {
        throw new SkeinError('POSITION_NOT_REACHED', 'This node has not applied that position in time.');
      }
      await sleep(10);
    }
  }

  async waitCommitted(gtid: string, _level: string, { over }: { over: Cancellation }): Promise<Committed> {
    const held = this.#held;
    if (held) {
      await new Promise<void>((resolve, reject) => {
        held.push(resolve);
        over.on(() => reject(CANCELLED));
      });
    }
    this.#applied = gtid;
    return { position: positionOf(gtid), acknowledgedBy: [] };
  }

  readonly audit = {
    lines: [] as { readonly kind: string; readonly [field: string]: unknown }[],
    add(fields: { readonly kind: string; readonly [field: string]: unknown }): void {
      this.lines.push(fields);
    },
    search: async () => ({ lines: [], isCut: false }),
    subscribe: () => () => {},
  };

  async metrics() {
    return '';
  }

  /** What a real node sends is in test/full/restore.test.ts. */
  backup(): Promise<Readable> {
    return Promise.resolve(Readable.from([Buffer.from('the bytes of a file')], { objectMode: false }));
  }

  async orderSeed({ node }: { node: string }): Promise<void> {
    if (node !== 'n2') throw new SkeinError('NOT_ATTACHED', `${node} is not attached.`);
  }

  async promote(): Promise<Promotion> {
    return { cluster: 'demo', node: 'n1', done: false, epoch: null, after: 0, losses: [], refusals: [] };
  }

  async switchover({ to, dryRun }: { to: string | null; dryRun: boolean }): Promise<Switchover> {
    if (to !== null && to !== 'n2')
      throw new SkeinError('NO_TARGET', `${to} is not a member of the cluster.`);
    const against = dryRun ? ['n3 is not a voter.'] : [];
    return { dryRun, from: this.name, to: 'n2', epoch: this.epoch(), pauseMs: dryRun ? null : 90, against };
  }

  async setMaintenance(): Promise<void> {}

  async reconcileUsers(): Promise<void> {
    const accounts = new UserAccounts(
      { secret: this.#options.secret },
      {
        query: async (sql) => (await this.control()).queryRows(sql),
        sql: this.flavour.accounts,
      },
    );
    await accounts.reconcile();
  }

  /** It has no replicas: there is nothing to compare. */
  async verify(): Promise<VerifyDocument> {
    return { running: null, last: this.#round, lastCompleteAt: null, tables: [] };
  }

  async startVerify({ only, repair }: VerifyRequest): Promise<RoundReport> {
    const at = new Date().toISOString();
    this.#round = {
      ...{ startedAt: at, finishedAt: at, only: only && `${only.schema}.${only.name}`, repair },
      ...{ background: false, tablesDone: 0, tables: 0, differing: [], skipped: [], unconfirmed: 0 },
      ...{ rows: 0, chunks: 0, positions: 0, heldMsMax: 0, ended: null },
    };
    return this.#round;
  }

  async cancelVerify(): Promise<boolean> {
    return false;
  }

  async confirmPrimary({ signal }: { signal: AbortSignal }): Promise<void> {
    const held = this.#held;
    if (!held) return;
    await new Promise<void>((resolve, reject) => {
      held.push(resolve);
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
  }

  readonly logs = {
    search: async (_filter: object, count: number) => ({ lines: this.log.slice(-count), isCut: false }),
    subscribe: () => () => {},
  };
}

function positionOf(gtid: string): Position {
  return { epoch: 1, ordinal: gtid === '' ? 0 : Number(gtid.split('-')[2]), gtid };
}
