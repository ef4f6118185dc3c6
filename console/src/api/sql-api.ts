/** Statements that a person has written, on the node that was chosen. */
import type { ScriptOptions, ScriptStream, Session, SkeinClient } from '../../../client/src/index.js';
import type { Reading } from '../state/sql/reading.js';

/** A statement of a person may take its time; it can be cancelled. */
const SQL_TIMEOUT_MS = 3_600_000;

export class SqlApi {
  readonly #client: SkeinClient;
  /** Knows what this page has written and seen. */
  readonly #session: Session;
  readonly #nodeOf: (name: string | null) => string;

  constructor(client: SkeinClient, nodeOf: (name: string | null) => string) {
    this.#client = client;
    this.#session = client.session();
    this.#nodeOf = nodeOf;
  }

  /** Sent once, to the chosen node and no other. */
  script(statements: readonly string[], reading: Reading, signal: AbortSignal): ScriptStream<unknown[]> {
    const { node, level, maxLagMs } = reading;
    const after = reading.after.trim();
    const database = reading.database.trim();
    const options: ScriptOptions = {
      node: this.#nodeOf(node),
      level: after === '' ? level : 'session',
      ...(level === 'bounded' && after === '' && { maxLagMs: Number(maxLagMs) }),
      ...(database !== '' && { database }),
      timeoutMs: SQL_TIMEOUT_MS,
      signal,
    };
    const session = after === '' ? this.#session : this.#client.session(after);
    return session.script<unknown[]>(
      statements.map((sql) => ({ sql })),
      options,
    );
  }

  /** What EXPLAIN answers: JSON as a text, or a document. */
  async plan(sql: string, reading: Reading, signal: AbortSignal): Promise<unknown> {
    let answer: unknown = null;
    for await (const { rows } of this.script([`EXPLAIN FORMAT=JSON ${sql}`], reading, signal))
      if (rows.length > 0) answer = rows[0]?.[0];
    return answer;
  }
}
