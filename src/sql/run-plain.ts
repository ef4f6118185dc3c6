/**
 * Runs a plain read (plain-read.ts) by a statement that its session keeps prepared. Nothing is reset between two of them: none
 * leaves anything, none sees anything of the session, whoever sent it. This holds only if its tables are ordinary ones. The
 * server is asked about that once, after the preparation; from then on it says at each execution whether this is still the
 * statement that was prepared (`executeIfSame`). If it does not say so, the answer is thrown away, the session is reset, and
 * the request is run the ordinary way. Each read has its own read-only transaction, as all reads have.
 */
import type { ServerErrors } from '../flavour/server-errors.js';
import { ServerError, STATUS } from '../mysql-client/replies.js';
import type { KeptStatement } from './kept-statements.js';
import type { PlainRead } from './plain-read.js';
import type { PlannedStatement } from './request.js';
import {
  beginStatement,
  check,
  raise,
  requireReadOnly,
  runStatements,
  START_READ_ONLY,
  type StatementRun,
  selectDatabase,
} from './run-statements.js';
import type { Session } from './session.js';
import { resetSession } from './session-cleaning.js';

export interface PlainHow {
  readonly read: PlainRead;
  readonly errors: ServerErrors;
  /** Called when the server does not confirm that it is a plain read. */
  readonly refuse: () => void;
}

/** @throws as runStatements */
export async function runPlain(run: StatementRun, how: PlainHow): Promise<void> {
  const [statement] = run.plan.statements;
  if (statement !== undefined && (await runKept(run, statement, how))) return;
  await resetSession(run.session);
  await runStatements(run);
}

/** False: it is to be run the ordinary way, once the session is reset. */
async function runKept(
  run: StatementRun,
  statement: PlannedStatement,
  { read, errors, refuse }: PlainHow,
): Promise<boolean> {
  const { session, results } = run;
  beginStatement(run, 0);
  let confirmedBefore = false;
  try {
    await selectDatabase(run, 0);
    const kept = session.kept.use(statement.sql, session.database) ?? (await learn(session, statement, read));
    if (kept !== null) {
      check(run, statement, kept, 0);
      confirmedBefore = kept.confirmed;
      await begin(session);
      kept.confirmed = await executeAndBegin(run, statement, kept);
      if (kept.confirmed) {
        raise(results, 0);
        return true;
      }
    }
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    await takeBack(run);
    // It was stopped, so it is not begun again. What its text says may be of another statement.
    if (errors.kindOf(error.errno) === 'interrupted')
      throw new ServerError(error.errno, error.sqlState, 'The statement was interrupted.');
  }
  if (!confirmedBefore) refuse();
  await takeBack(run);
  return false;
}

/** The session is to be reset, and nothing of the results counts. */
async function takeBack({ progress, results }: StatementRun): Promise<void> {
  await progress.resetting?.catch(() => {});
  progress.resetting = null;
  results.restart();
}

async function begin(session: Session): Promise<void> {
  if (session.begun) return;
  await session.connection.run(START_READ_ONLY);
  requireReadOnly(session.connection.status, 0);
  session.begun = true;
}

/** Begins the transaction of the next read in the same write; that ends the one of this read. */
async function executeAndBegin(
  { session, progress, results }: StatementRun,
  { parameters }: PlannedStatement,
  kept: KeptStatement,
): Promise<boolean> {
  const { connection } = session;
  session.begun = false;
  connection.cork();
  const executed = connection.executeIfSame(kept, parameters, results);
  const begun = begin(session);
  // Handled when the session is returned; until then it must not count as an unhandled rejection.
  begun.catch(() => {});
  progress.resetting = begun;
  connection.uncork();
  // No plain read changes anything in its session.
  return (await executed) && (results.status & STATUS.sessionStateChanged) === 0;
}

/** Null: the server does not say that all of its tables are ordinary ones. @throws ServerError */
async function learn(
  session: Session,
  { sql }: PlannedStatement,
  { tables }: PlainRead,
): Promise<KeptStatement | null> {
  const { connection, database, kept } = session;
  const places: { database: string; table: string }[] = [];
  for (const table of tables) {
    const place = table.database ?? database;
    if (place === null) return null;
    places.push({ database: place, table: table.table });
  }
  // Asked after the preparation: what was prepared with anything else is not "the same" any more when it is executed.
  const prepared = await connection.prepare(sql);
  if (!(await session.sql.areOrdinaryTables(connection, places))) return null;
  const { id, columns, parameterCount } = prepared;
  const statement = { id, columns, parameterCount, sql, database, confirmed: false };
  for (const gone of kept.keep(statement)) connection.closeStatement(gone.id);
  return statement;
}
