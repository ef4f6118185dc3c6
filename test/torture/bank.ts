import { seededRandom } from '../kit/random.js';
import { rowsOf, run, withSql } from '../kit/sql-node.js';
import type { TestNode } from '../kit/test-node.js';
import { type Arena, Clients, DATABASE, KeptConnection, post, Tally, type Workload } from './workload.js';

const ACCOUNTS = 8;
const TOTAL = ACCOUNTS * 1000;

/** One snapshot: one statement. */
const LOOK = `SELECT (SELECT SUM(balance) FROM account) total, (SELECT COUNT(*) FROM account) accounts,
  (SELECT SUM(moves) FROM account) moves, (SELECT COUNT(*) FROM transfer) transfers`;

/** Transfers between accounts: in every snapshot of every node the sum is the same, and each transfer is whole. */
export class BankWorkload implements Workload {
  readonly name = 'bank';
  readonly #arena: Arena;
  readonly #clients = new Clients();
  readonly #transfers = new Tally();
  readonly #looks = new Tally();

  constructor(arena: Arena) {
    this.#arena = arena;
  }

  async prepare(): Promise<void> {
    const { primary } = this.#arena.cluster;
    await primary.sql(`CREATE DATABASE IF NOT EXISTS ${DATABASE}`);
    const more = { database: DATABASE };
    await primary.sql(
      'CREATE TABLE account (id INT PRIMARY KEY, balance INT NOT NULL, moves INT NOT NULL DEFAULT 0)',
      [],
      more,
    );
    await primary.sql(
      'CREATE TABLE transfer (id BIGINT AUTO_INCREMENT PRIMARY KEY, source INT NOT NULL, target INT NOT NULL, amount INT NOT NULL)',
      [],
      more,
    );
    for (let id = 0; id < ACCOUNTS; id++)
      await primary.sql('INSERT INTO account (id, balance) VALUES (?, 1000)', [id], more);
  }

  start(): void {
    const { cluster } = this.#arena;
    this.#overHttp();
    this.#overMysql();
    for (const node of cluster.nodes) this.#reader(node);
  }

  stop(): Promise<void> {
    return this.#clients.stop();
  }

  async judge(): Promise<void> {
    for (const node of this.#arena.cluster.nodes) {
      const [row] = await withSql(node, (connection) =>
        rowsOf(connection, LOOK.replaceAll(' FROM ', ` FROM ${DATABASE}.`)),
      );
      this.#look(node, row ?? {});
    }
  }

  summary(): string {
    return `transfers: ${this.#transfers}; snapshots: ${this.#looks}`;
  }

  #overHttp(): void {
    const { cluster, history } = this.#arena;
    const random = seededRandom(11);
    this.#clients.add(50, async () => {
      const [source, target, amount] = transferOf(random);
      const answer = await post(random.pick(cluster.nodes), {
        statements: [
          { sql: MOVE, params: [-amount, source] },
          { sql: MOVE, params: [amount, target] },
          { sql: NOTE, params: [source, target, amount] },
        ],
        transaction: true,
      });
      this.#transfers.count(answer);
      history.record('bank', { source, target, amount, outcome: answer.outcome, reason: answer.reason });
      if (answer.outcome === 'acknowledged') history.acknowledged();
      return answer.outcome === 'acknowledged';
    });
  }

  #overMysql(): void {
    const { cluster, history } = this.#arena;
    const random = seededRandom(12);
    const kept = KeptConnection.readWrite(cluster);
    this.#clients.add(
      50,
      async () => {
        const [source, target, amount] = transferOf(random);
        const answer = await kept.use(async (connection) => {
          await run(connection, 'START TRANSACTION');
          await run(connection, MOVE, [-amount, source]);
          await run(connection, MOVE, [amount, target]);
          await run(connection, NOTE, [source, target, amount]);
          await run(connection, 'COMMIT');
        });
        this.#transfers.count(answer);
        history.record('bank', { source, target, amount, outcome: answer.outcome, reason: answer.reason });
        if (answer.outcome === 'acknowledged') history.acknowledged();
        return answer.outcome === 'acknowledged';
      },
      () => kept.close(),
    );
  }

  #reader(node: TestNode): void {
    const kept = KeptConnection.readOnly(this.#arena.cluster, node);
    this.#clients.add(
      100,
      async () => {
        const answer = await kept.use((connection) => rowsOf(connection, LOOK));
        if (answer.outcome !== 'acknowledged') this.#looks.add('no answer');
        else this.#look(node, answer.value?.[0] ?? {});
        return answer.outcome === 'acknowledged';
      },
      () => kept.close(),
    );
  }

  #look(node: TestNode, row: Record<string, unknown>): void {
    this.#looks.add(node.name);
    const wrong = judgeSnapshot(row);
    if (wrong) this.#arena.history.violation('bank', `a snapshot of ${node.name} has ${wrong}`);
  }
}

/** Null, or what is wrong with it. Pure. */
export function judgeSnapshot(row: Record<string, unknown>): string | null {
  const { total, accounts, moves, transfers } = row;
  const isRight =
    Number(total) === TOTAL && Number(accounts) === ACCOUNTS && Number(moves) === 2 * Number(transfers);
  if (isRight) return null;
  return (
    `${total} in ${accounts} accounts, moved ${moves} times by ${transfers} transfers; ` +
    `there must be ${TOTAL} in ${ACCOUNTS} accounts, moved twice by each transfer`
  );
}

const MOVE = 'UPDATE account SET balance = balance + ?, moves = moves + 1 WHERE id = ?';
const NOTE = 'INSERT INTO transfer (source, target, amount) VALUES (?, ?, ?)';

function transferOf(
  random: ReturnType<typeof seededRandom>,
): [source: number, target: number, amount: number] {
  const source = random.int(0, ACCOUNTS - 1);
  return [source, (source + random.int(1, ACCOUNTS - 1)) % ACCOUNTS, random.int(1, 50)];
}
