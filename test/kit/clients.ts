import type { Connection, ConnectionOptions } from 'mysql2/promise';
import { sleep } from '../../src/std/timing.js';
import { rowsOf, run, type SqlNode, withSql } from './sql-node.js';

/**
 * What a client was told of one INSERT.
 * acknowledged: it must be there, once, forever. failed: it must not be there. unknown: either is true.
 */
export type Outcome = 'acknowledged' | 'failed' | 'unknown';

export interface WriteAnswer {
  outcome: Outcome;
  /** Code or text of what was answered otherwise than "done". */
  reason?: string;
  position?: string;
}

/** One client's way to insert one row; it never throws and never tries again by itself. */
export interface Writer {
  insert(client: number, seq: number): Promise<WriteAnswer>;
  close(): Promise<void>;
}

const LEDGER = 'ledger';

/**
 * `id` is the primary key, and not (client, seq), so that a row inserted twice shows as two rows instead of hiding
 * behind a duplicate key.
 */
export const CREATE_LEDGER = `CREATE TABLE IF NOT EXISTS ${LEDGER} (
  id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, client INT NOT NULL, seq INT NOT NULL, note VARCHAR(60) NOT NULL,
  KEY by_client (client, seq)) ENGINE=InnoDB`;

const INSERT = `INSERT INTO ${LEDGER} (client, seq, note) VALUES (?, ?, ?)`;

/** In brackets, so that it is found in raw binary log events too, whole and not as the beginning of another one. */
const noteOf = (how: string, client: number, seq: number) => `<${how} ${client}/${seq}>`;

/** `client/seq` of every note in these bytes (row events hold texts as they are). */
export function notesIn(bytes: Buffer): string[] {
  return [...bytes.toString('latin1').matchAll(/<(?:http|sql) (\d+\/\d+)>/g)].map((match) => match[1] ?? '');
}

/** What each client was told, seq by seq. */
export class Ledger {
  readonly #answers = new Map<string, WriteAnswer>();
  #waiters = new Set<() => void>();
  readonly counts: Record<Outcome, number> = { acknowledged: 0, failed: 0, unknown: 0 };
  readonly reasons = new Map<string, number>();

  record(client: number, seq: number, answer: WriteAnswer): void {
    this.#answers.set(`${client}/${seq}`, answer);
    this.counts[answer.outcome] += 1;
    if (answer.reason) this.reasons.set(answer.reason, (this.reasons.get(answer.reason) ?? 0) + 1);
    for (const wake of this.#waiters) wake();
  }

  answers(): Iterable<[string, WriteAnswer]> {
    return this.#answers;
  }

  /** Resolves when `more` further INSERTs were acknowledged: proof that the cluster serves again. */
  async progress(more: number, deadlineMs: number, what: string): Promise<void> {
    const goal = this.counts.acknowledged + more;
    const seenBefore = this.counts.acknowledged;
    const signal = AbortSignal.timeout(deadlineMs);
    while (this.counts.acknowledged < goal) {
      let wake: () => void = () => {};
      const woken = new Promise<void>((resolve) => {
        wake = resolve;
      });
      this.#waiters.add(wake);
      const timer = new AbortController();
      await Promise.race([woken, sleep(1_000, timer.signal).catch(() => {})]);
      timer.abort();
      this.#waiters.delete(wake);
      if (signal.aborted) {
        throw new Error(
          `Deadline missed: ${what}: ${more} further INSERTs not acknowledged within ${deadlineMs} ms ` +
            `(only ${this.counts.acknowledged - seenBefore}); ${this.summary()}`,
        );
      }
    }
  }

  summary(): string {
    const reasons = [...this.reasons].map(([reason, count]) => `${reason} x${count}`).join(', ');
    return `acknowledged ${this.counts.acknowledged}, unknown ${this.counts.unknown}, failed ${this.counts.failed}${reasons ? ` (${reasons})` : ''}`;
  }
}

export interface LedgerFault {
  kind: 'lost' | 'doubled' | 'ghost' | 'stranger';
  row: string;
  detail: string;
}

/**
 * Pure. lost: acknowledged but absent; doubled: more than once; ghost: there although the client was told that it
 * failed; stranger: a row that no client ever sent.
 */
export function judgeLedger(ledger: Ledger, found: ReadonlyMap<string, number>): LedgerFault[] {
  const faults: LedgerFault[] = [];
  const sent = new Map(ledger.answers());
  for (const [row, answer] of sent) {
    const times = found.get(row) ?? 0;
    const detail = `told ${answer.outcome}${answer.reason ? ` (${answer.reason})` : ''}, found ${times} times`;
    if (times === 0 && answer.outcome === 'acknowledged') faults.push({ kind: 'lost', row, detail });
    if (times > 1) faults.push({ kind: 'doubled', row, detail });
    if (times > 0 && answer.outcome === 'failed') faults.push({ kind: 'ghost', row, detail });
  }
  for (const row of found.keys()) {
    if (!sent.has(row)) faults.push({ kind: 'stranger', row, detail: 'no client sent it' });
  }
  return faults;
}

/** Rows of the ledger on one node: `client/seq` -> how many times. */
export async function readLedger(node: SqlNode, database: string): Promise<Map<string, number>> {
  return await withSql(node, async (connection) => {
    const rows = await rowsOf(
      connection,
      `SELECT client, seq, COUNT(*) times FROM \`${database}\`.${LEDGER} GROUP BY client, seq`,
    );
    return new Map(rows.map((row) => [`${row.client}/${row.seq}`, Number(row.times)]));
  });
}

/** Fails with the first faults by name when what a node holds is not what the clients were told. */
export async function checkLedger(ledger: Ledger, node: SqlNode, database: string): Promise<void> {
  const faults = judgeLedger(ledger, await readLedger(node, database));
  if (faults.length === 0) return;
  const lines = faults.slice(0, 15).map((fault) => `  ${fault.kind} ${fault.row}: ${fault.detail}`);
  throw new Error(
    `${node.name}: ${faults.length} rows are not as the clients were told (${ledger.summary()}):\n${lines.join('\n')}`,
  );
}

export interface WriterPoolOptions {
  clients: number;
  /** `client` counts from 1; several kinds of writers may be mixed. */
  writer: (client: number) => Writer;
  /** Pause of a client after an answer other than "done", so that an outage is not a busy loop. */
  pauseAfterErrorMs?: number;
  /** Pause after each INSERT (0 = as fast as it goes). */
  paceMs?: number;
  /** First seq of each client minus one, for a second pool on the same table. */
  seqFrom?: number;
}

/** N clients, each inserting its own (client, seq) one after the other until stopped. */
export class WriterPool {
  readonly ledger: Ledger;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  constructor(options: WriterPoolOptions, ledger = new Ledger()) {
    this.ledger = ledger;
    const numbers = Array.from({ length: options.clients }, (_, i) => i + 1);
    this.#running = Promise.all(numbers.map((client) => this.#work(client, options))).then(() => {});
  }

  /** Lets the INSERTs under way finish and closes the connections. */
  async stop(): Promise<Ledger> {
    this.#stop.abort();
    await this.#running;
    return this.ledger;
  }

  async #work(client: number, options: WriterPoolOptions): Promise<void> {
    const { signal } = this.#stop;
    const { pauseAfterErrorMs = 50, paceMs = 0, seqFrom = 0 } = options;
    const writer = options.writer(client);
    try {
      for (let seq = seqFrom + 1; !signal.aborted; seq++) {
        const answer = await writer.insert(client, seq);
        this.ledger.record(client, seq, answer);
        const pauseMs = answer.outcome === 'acknowledged' ? paceMs : pauseAfterErrorMs;
        if (pauseMs > 0) await sleep(pauseMs, signal).catch(() => {});
      }
    } finally {
      await writer.close();
    }
  }
}

export interface HttpWriterOptions {
  url: string;
  token: string;
  database: string;
  timeoutMs?: number;
  headers?: Record<string, string>;
}

/** Inserts through `POST /v1/sql`; believes the answer's `applied`, and nothing that it was not told. */
export function httpWriter(options: HttpWriterOptions): Writer {
  const { url, token, database, timeoutMs = 30_000 } = options;
  return {
    async insert(client, seq) {
      try {
        const response = await fetch(`${url}/v1/sql`, {
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            authorization: `Bearer ${token}`,
            ...options.headers,
          },
          body: JSON.stringify({ sql: INSERT, params: [client, seq, noteOf('http', client, seq)], database }),
          signal: AbortSignal.timeout(timeoutMs),
        });
        return judgeHttpAnswer(response.status, await response.text());
      } catch (error) {
        return judgeFetchError(error);
      }
    },
    async close() {},
  };
}

/** Pure: what a client may conclude from an answer. A body that is cut off or not JSON says nothing: unknown. */
export function judgeHttpAnswer(status: number, body: string): WriteAnswer {
  let parsed: { position?: string; error?: { code?: string; applied?: string } };
  try {
    parsed = JSON.parse(body);
  } catch {
    return { outcome: 'unknown', reason: `HTTP ${status}, body is no JSON` };
  }
  if (status === 200 && !parsed.error) {
    return parsed.position === undefined
      ? { outcome: 'acknowledged' }
      : { outcome: 'acknowledged', position: parsed.position };
  }
  const reason = `HTTP ${status} ${parsed.error?.code ?? 'no code'}`;
  if (parsed.error?.applied === 'no') return { outcome: 'failed', reason };
  if (parsed.error?.applied === 'yes') return { outcome: 'acknowledged', reason };
  return { outcome: 'unknown', reason };
}

/** A refused connection never carried the request; whatever breaks later may have. */
export function judgeFetchError(error: unknown): WriteAnswer {
  const cause = (error as { cause?: { code?: string } }).cause;
  const code = cause?.code ?? (error as { name?: string }).name ?? 'fetch failed';
  return { outcome: code === 'ECONNREFUSED' ? 'failed' : 'unknown', reason: code };
}

export interface SqlWriterOptions {
  /** Where to log in; asked again after each broken connection. */
  connect: (options: ConnectionOptions) => Promise<Connection>;
  database: string;
}

/** Errors with which a server says that this very statement did nothing. */
const CERTAIN_FAILURES = new Set([
  'ER_OPTION_PREVENTS_STATEMENT',
  'ER_LOCK_DEADLOCK',
  'ER_LOCK_WAIT_TIMEOUT',
  'ER_NO_SUCH_TABLE',
  'ER_BAD_DB_ERROR',
]);

async function openQuietly({ connect, database }: SqlWriterOptions): Promise<Connection> {
  const connection = await connect({ database });
  // Its end is seen by the next INSERT; without a listener it would end the test's process.
  connection.on('error', () => {});
  return connection;
}

/** Inserts straight into the server (autocommit), on one connection that is opened again after it broke. */
export function sqlWriter(options: SqlWriterOptions): Writer {
  let connection: Connection | null = null;
  return {
    async insert(client, seq) {
      try {
        connection ??= await openQuietly(options);
      } catch (error) {
        connection = null;
        return { outcome: 'failed', reason: `connect: ${(error as { code?: string }).code ?? 'failed'}` };
      }
      try {
        await run(connection, INSERT, [client, seq, noteOf('sql', client, seq)]);
        return { outcome: 'acknowledged' };
      } catch (error) {
        const code = (error as { code?: string }).code ?? 'no code';
        if (CERTAIN_FAILURES.has(code)) return { outcome: 'failed', reason: code };
        connection.destroy();
        connection = null;
        return { outcome: 'unknown', reason: code };
      }
    },
    async close() {
      connection?.destroy();
      connection = null;
    },
  };
}
