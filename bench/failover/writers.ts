import { createConnection } from 'mysql2/promise';
import { sleep } from '../../src/std/timing.js';

/** Writers that do not stop while a cluster loses its primary, and remember what was acknowledged, and when. */

export interface WriterTarget {
  /** Base URL of its HTTP, and its read-write port. */
  readonly url: string;
  readonly port: number;
}

export interface WriterAccess {
  readonly token: string;
  readonly password: string;
}

export type Way = 'port' | 'http';

export const TABLE = 'bench.failover';
/** The numbers of the writes are not unique in it, so that a write that was done twice is seen. */
export const CREATE_TABLE = `CREATE TABLE ${TABLE} (place BIGINT AUTO_INCREMENT PRIMARY KEY, id BIGINT NOT NULL)`;
/** A client that waits longer gives up, as applications do. */
const ANSWER_MS = 10_000;

/** One writer for each node and way, so that a node that hangs does not hang all. */
export class Writers {
  readonly acknowledged: number[] = [];
  /** They must not be there. */
  readonly refused: number[] = [];
  /** Not refused, and not acknowledged: they may be there or not. */
  readonly unknown: number[] = [];
  readonly #answers: Record<Way, { readonly beganMs: number; readonly atMs: number }[]> = {
    port: [],
    http: [],
  };
  readonly #stopped = new AbortController();
  readonly #running: Promise<void>[] = [];
  #next = 1;

  constructor(targets: readonly WriterTarget[], access: WriterAccess, paceMs: number) {
    for (const target of targets) {
      this.#running.push(this.#overHttp(target, access, paceMs * targets.length));
      this.#running.push(this.#overPort(target, access, paceMs * targets.length));
    }
  }

  /** Time from then to the first acknowledgement of a write that was begun after it; null = there was none yet. */
  pauseSince(way: Way, sinceMs: number): number | null {
    const first = this.#answers[way].find(({ beganMs }) => beganMs > sinceMs);
    return first === undefined ? null : first.atMs - sinceMs;
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await Promise.all(this.#running);
  }

  async #overHttp({ url }: WriterTarget, { token }: WriterAccess, paceMs: number): Promise<void> {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    await this.#each('http', paceMs, async (id) => {
      const body = JSON.stringify({
        sql: `INSERT INTO ${TABLE} (id) VALUES (?)`,
        params: [id],
        forward: true,
      });
      const signal = AbortSignal.timeout(ANSWER_MS);
      const response = await fetch(`${url}/v1/sql`, { method: 'POST', headers, body, signal });
      const answer = (await response.json()) as { error?: { applied?: string } };
      if (response.ok) return 'acknowledged';
      return answer.error?.applied === 'no' ? 'refused' : 'unknown';
    });
  }

  async #overPort({ port }: WriterTarget, { password }: WriterAccess, paceMs: number): Promise<void> {
    let connection: Awaited<ReturnType<typeof createConnection>> | null = null;
    await this.#each('port', paceMs, async (id) => {
      if (connection === null) {
        const options = { host: '127.0.0.1', port, user: 'app', password, connectTimeout: ANSWER_MS };
        connection = await createConnection(options).catch(() => null);
        connection?.on('error', () => {});
        if (connection === null) return 'refused';
      }
      try {
        await connection.query({ sql: `INSERT INTO ${TABLE} (id) VALUES (${id})`, timeout: ANSWER_MS });
        return 'acknowledged';
      } catch {
        connection.destroy();
        connection = null;
        return 'unknown';
      }
    });
    (connection as Awaited<ReturnType<typeof createConnection>> | null)?.destroy();
  }

  async #each(
    way: Way,
    paceMs: number,
    write: (id: number) => Promise<'acknowledged' | 'refused' | 'unknown'>,
  ): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      const id = this.#next++;
      const beganMs = performance.now();
      const outcome = await write(id).catch(() => 'unknown' as const);
      if (outcome === 'acknowledged') {
        this.acknowledged.push(id);
        this.#answers[way].push({ beganMs, atMs: performance.now() });
      } else this[outcome].push(id);
      await sleep(paceMs, signal).catch(() => {});
    }
  }
}

/** What is wrong with the rows, given what the clients were told. Pure. */
export function judgeRows(
  { acknowledged, refused }: Pick<Writers, 'acknowledged' | 'refused'>,
  ids: readonly number[],
): string[] {
  const there = new Set(ids);
  const seen = new Set<number>();
  const faults: [string, number[]][] = [
    ['acknowledged, and lost', acknowledged.filter((id) => !there.has(id))],
    ['there more than once', ids.filter((id) => seen.size === seen.add(id).size)],
    ['refused, and there', refused.filter((id) => there.has(id))],
  ];
  return faults
    .filter(([, wrong]) => wrong.length > 0)
    .map(([what, wrong]) => `WRONG: ${wrong.length} writes were ${what}: ${wrong.slice(0, 20).join(', ')}`);
}
