/** A statement that a node's server executes now, for people: see `GET /v1/statements`. */
export interface ClientStatement {
  /** Of the statement, never used again. */
  id: number;
  /** Of its session, as `CONNECTION_ID()` gives it. */
  session: number;
  /** `shop@127.0.0.1`; tokens have `skein_read`, `skein_write` and `skein_admin`. */
  account: string;
  database: string | null;
  ms: number;
  /** What the server does for it, in the server's words. */
  state: string;
  /** Waits for its quorum, so it cannot be ended (rule C1). */
  isCommitting: boolean;
  /** Its beginning. */
  statement: string;
}

export const STATEMENT_SHOWN_MAX = 1_000;
export const STATEMENTS_MAX = 500;
