import { seededRandom } from '../kit/random.js';
import { run } from '../kit/sql-node.js';
import {
  describeOperation,
  judgeRegister,
  type RegisterAction,
  type RegisterOperation,
} from './linearizability.js';
import {
  type Answer,
  type Arena,
  Clients,
  DATABASE,
  KeptConnection,
  post,
  Tally,
  type Workload,
} from './workload.js';

const CLIENTS = 3;
/** Operations on one register, before the clients go on with the next one: the search for an order stays small. */
const OPERATIONS = 100;
const WRITE = 'INSERT INTO register VALUES (?, ?) ON DUPLICATE KEY UPDATE value = VALUES(value)';

/** Registers that are written, read (`linearizable`) and swapped: one order explains what all clients saw. */
export class RegisterWorkload implements Workload {
  readonly name = 'register';
  readonly #arena: Arena;
  readonly #clients = new Clients();
  readonly #operations = new Map<number, RegisterOperation[]>();
  readonly #tally = new Tally();
  #count = 0;
  #undecided = 0;

  constructor(arena: Arena) {
    this.#arena = arena;
  }

  async prepare(): Promise<void> {
    const { primary } = this.#arena.cluster;
    await primary.sql(`CREATE DATABASE IF NOT EXISTS ${DATABASE}`);
    await primary.sql('CREATE TABLE register (id INT PRIMARY KEY, value VARCHAR(40) NOT NULL)', [], {
      database: DATABASE,
    });
  }

  start(): void {
    for (let client = 1; client <= CLIENTS; client++) this.#overHttp(client);
    this.#overMysql(CLIENTS + 1);
  }

  stop(): Promise<void> {
    return this.#clients.stop();
  }

  async judge(): Promise<void> {
    for (const [register, operations] of this.#operations) {
      const verdict = judgeRegister(operations);
      if (verdict.kind === 'undecided') this.#undecided++;
      if (verdict.kind !== 'violation') continue;
      const { blocked, explained } = verdict;
      const near = operations.filter(({ callMs }) => Math.abs(callMs - blocked.callMs) < 3_000);
      this.#arena.history.violation(
        'register',
        `register ${register}: no order explains "${describeOperation(blocked)}" after ${explained.length} operations, the last being:\n  ` +
          `${explained.slice(-5).map(describeOperation).join('\n  ')}\n all that were called within 3 s of it:\n  ` +
          near.map(describeOperation).join('\n  '),
      );
    }
  }

  summary(): string {
    return `${this.#tally}; ${this.#operations.size} registers, ${this.#undecided} with too many orders to judge`;
  }

  #overHttp(client: number): void {
    const { cluster } = this.#arena;
    const random = seededRandom(20 + client);
    /** What this client saw last, and where. */
    let seen: { register: number; value: string } | null = null;
    this.#clients.add(30, async () => {
      const register = this.#next();
      const node = random.pick(cluster.nodes);
      const kind = random.next();
      const value = `${client}-${this.#count}`;
      const callMs = this.#arena.history.nowMs;
      if (kind < 0.4) {
        const answer = await post(node, {
          sql: 'SELECT value FROM register WHERE id = ?',
          params: [register],
          read: { level: 'linearizable' },
        });
        const [row] = answer.body?.results[0]?.rows ?? [];
        const read = row ? String(row[0]) : null;
        if (read !== null) seen = { register, value: read };
        return this.#note(register, client, { kind: 'read', value: read }, callMs, answer);
      }
      if (kind < 0.6 && seen?.register === register) {
        const from = seen.value;
        const answer = await post(node, {
          sql: 'UPDATE register SET value = ? WHERE id = ? AND value = ?',
          params: [value, register, from],
        });
        // A swap that was not done is only a read, and not of level `linearizable`.
        if (answer.body && answer.body.results[0]?.affectedRows !== 1) return true;
        return this.#note(register, client, { kind: 'swap', from, value }, callMs, answer);
      }
      const answer = await post(node, { sql: WRITE, params: [register, value] });
      if (answer.outcome === 'acknowledged') seen = { register, value };
      return this.#note(register, client, { kind: 'write', value }, callMs, answer);
    });
  }

  #overMysql(client: number): void {
    const kept = KeptConnection.readWrite(this.#arena.cluster);
    this.#clients.add(
      60,
      async () => {
        const register = this.#next();
        const value = `${client}-${this.#count}`;
        const callMs = this.#arena.history.nowMs;
        const answer = await kept.use((connection) => run(connection, WRITE, [register, value]));
        return this.#note(register, client, { kind: 'write', value }, callMs, answer);
      },
      () => kept.close(),
    );
  }

  #next(): number {
    return Math.floor(this.#count++ / OPERATIONS);
  }

  #note(
    register: number,
    client: number,
    action: RegisterAction,
    callMs: number,
    { outcome, reason }: Pick<Answer, 'outcome' | 'reason'>,
  ): boolean {
    const { history } = this.#arena;
    this.#tally.add(`${action.kind} ${outcome}`);
    if (reason) this.#tally.add(reason);
    const returnMs = history.nowMs;
    history.record('register', { register, client, ...action, callMs, returnMs, outcome, reason });
    if (outcome === 'acknowledged' && action.kind !== 'read') history.acknowledged();
    if (outcome !== 'failed') {
      const operations = this.#operations.get(register) ?? [];
      this.#operations.set(register, operations);
      operations.push({ client, action, callMs, returnMs: outcome === 'unknown' ? null : returnMs });
    }
    return outcome === 'acknowledged';
  }
}
