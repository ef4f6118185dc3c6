/** What a server executes now. Pure. */
import type { RunningStatements } from '../../../client/src/index.js';
import type { Tone } from './status.js';
import { duration } from './text.js';

type Running = RunningStatements['statements'][number];

export interface StatementRow {
  readonly id: number;
  readonly account: string;
  readonly session: string;
  readonly database: string;
  readonly time: string;
  readonly tone: Tone;
  readonly state: string;
  readonly text: string;
  /** Why it cannot be ended; null = it can. */
  readonly fixed: string | null;
}

const SLOW_MS = 10_000;
export const COMMIT_WAITS =
  'It waits for its quorum. It is in the log already and may be on other nodes, so ending it here would not take it back: it ends when enough nodes have it.';

export function statementRow(statement: Running): StatementRow {
  const { id, session, account, database, ms, state, isCommitting, statement: text } = statement;
  return {
    id,
    account,
    session: String(session),
    database: database ?? '',
    time: duration(ms),
    tone: ms >= SLOW_MS ? 'warn' : 'idle',
    state: isCommitting ? 'waits for its quorum' : state,
    text,
    fixed: isCommitting ? COMMIT_WAITS : null,
  };
}
