/**
 * Runs the statements of one request in one session. The server decides what is a write, never this file: what may only
 * read runs in read-only transactions (for a read token also on an account without write grants), all else runs as it
 * is, and afterwards the session is asked whether it wrote a transaction.
 */
import { ApiError } from '../api/api-error.js';
import type { Prepared } from '../mysql-client/answers.js';
import type { Connection } from '../mysql-client/connection.js';
import { ServerError, STATUS } from '../mysql-client/replies.js';
import { ERRNO } from '../mysql-protocol/errno.js';
import { canNotCommit, guardWithoutResult } from './guard.js';
import type { PlannedStatement, SqlPlan } from './request.js';
import type { ResultOutput } from './result-output.js';
import { refuseEqualNames } from './row-text.js';
import type { Session } from './session.js';
import { resetSession } from './session-cleaning.js';

export interface Progress {
  /** Index of the statement that is being run. */
  statement: number;
  /** True from the moment on from which something may be committed without us having heard of it. */
  mayCommit: boolean;
  /** Set from outside when the client no longer waits: no further statement is begun, nothing is committed. */
  cancelled: boolean;
  /** Name of the last transaction that this request wrote, '' = none. */
  gtid: string;
  /** The answer to `settleSession`, when that was sent together with the last statement. */
  settling: Promise<void> | null;
  /** The session's reset, when that was sent together with the last statement (a packet less that wakes the server). */
  resetting: Promise<void> | null;
}

export interface StatementRun {
  readonly session: Session;
  readonly plan: SqlPlan;
  readonly role: 'read' | 'write' | 'admin';
  /**
   * Every statement in a read-only transaction: for read tokens, for what looks like a read, and for every token on a
   * replica, where --read-only alone does not hold back a procedure whose definer is above it (seen on MariaDB 10.11).
   */
  readonly readOnly: boolean;
  /** Whether the next request of this session will be run read-only, too. */
  readonly nextReadsOnly: boolean;
  readonly results: ResultOutput;
  readonly progress: Progress;
  /** False once the server has restarted or changed its role: an old session must not go on (rule C10). */
  readonly current: () => boolean;
  /** Adds to the transaction, before it is committed, what the request itself does not contain. */
  readonly beforeCommit?: () => Promise<void>;
}

/** A savepoint in the request's transaction. If it is gone, a statement has ended that transaction. */
const SAVEPOINT = 'skein_request';
const START_SNAPSHOT = 'START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY';
export const START_READ_ONLY = 'START TRANSACTION READ ONLY';

/**
 * @throws ServerError | ApiError | SkeinError SERVER_CONNECTION; `run.progress` says where and what may be committed
 */
export async function runStatements(run: StatementRun): Promise<void> {
  if (run.readOnly) await runReadOnly(run);
  else if (run.plan.transaction) await runTransaction(run);
  else await runEachAlone(run);
}

/** Asks the session which transaction it has written, and which default database it has now. */
export async function settleSession(session: Session, progress: Pick<Progress, 'gtid'>): Promise<void> {
  const { gtid, database } = await session.sql.lastWritten(session.connection);
  progress.gtid = gtid;
  session.database = database;
}

async function runReadOnly(run: StatementRun): Promise<void> {
  const only = onlyStatement(run);
  if (only !== undefined && !run.plan.transaction && isKnown(run, only)) {
    await runKnown(run, only);
    return;
  }
  const { progress, session } = run;
  const setUp = { done: false };
  try {
    await readOneByOne(run, setUp);
  } catch (error) {
    if (setUp.done) await settleSession(session, progress).catch(() => session.connection.destroy());
    throw error;
  }
  // Only a statement without a result set can have changed the default database (USE), which no reset puts back.
  if (setUp.done) await settleSession(session, progress);
}

async function readOneByOne(run: StatementRun, setUp: { done: boolean }): Promise<void> {
  const { plan, results } = run;
  const { connection } = run.session;
  for (const [i, statement] of plan.statements.entries()) {
    beginStatement(run, i);
    connection.cork();
    const before = [selectDatabase(run, i)];
    // A new transaction for each statement: if one ends its transaction, the next one still cannot write.
    if (!plan.transaction) before.push(connection.run(START_READ_ONLY));
    else if (i === 0) before.push(connection.run(START_SNAPSHOT));
    const [prepared] = await flushed(connection, connection.prepare(statement.sql), before);
    requireReadOnly(connection.status, i);
    check(run, statement, prepared, i);
    if (prepared.columns.length === 0) {
      guardWithoutResult(statement.sql, run.role, i);
      setUp.done = true;
    }
    run.session.known.learn(statement.sql, prepared.parameterCount);
    connection.cork();
    const executed = connection.execute(prepared, statement.parameters, results);
    endStatement(run, prepared, i);
    await flushed(connection, executed, []);
    if (plan.transaction) requireReadOnly(results.status, i);
    raise(results, i);
  }
}

/**
 * A reset closes all statements; without one each is closed by itself. The reset is sent ahead only when no statement can
 * have left anything that must be looked at before it (see session-cleaning.ts).
 */
function endStatement(run: StatementRun, prepared: Prepared, i: number): void {
  const { statements } = run.plan;
  const isLast = i === statements.length - 1;
  if (isLast && statements.every(({ sql }) => canNotCommit(sql))) run.progress.resetting = resetAhead(run);
  else run.session.connection.closeStatement(prepared.id);
}

/**
 * Makes the session ready for the next request. Where that can only read, its transaction is begun as well, which saves
 * it a wait. It does not read old rows by this: what a transaction sees is decided at its first read.
 */
function resetAhead({ session, nextReadsOnly, progress: { settling } }: StatementRun): Promise<void> {
  const how = { asked: settling !== null };
  const resetting = nextReadsOnly ? resetAndBegin(session, how) : resetSession(session, how);
  // Handled when the session is returned; until then it must not count as an unhandled rejection.
  resetting.catch(() => {});
  return resetting;
}

async function resetAndBegin(session: Session, how: { asked: boolean }): Promise<void> {
  const { connection } = session;
  await Promise.all([resetSession(session, how), connection.run(START_READ_ONLY)]);
  session.begun = (connection.status & STATUS.inReadOnlyTransaction) !== 0;
}

export function requireReadOnly(status: number, statement: number): void {
  if (status & STATUS.inReadOnlyTransaction) return;
  throw new ApiError(
    400,
    'TRANSACTION_ENDED',
    'A statement ended the read-only transaction in which this request runs.',
    { statement },
  );
}

async function runEachAlone(run: StatementRun): Promise<void> {
  const { plan, results } = run;
  const only = onlyStatement(run);
  if (only !== undefined && isKnown(run, only)) await runKnown(run, only);
  else await runOneByOne(run);
  if (results.status & STATUS.inTransaction) {
    throw new ApiError(
      400,
      'OPEN_TRANSACTION',
      'The request left a transaction open; it was rolled back. Use "transaction": true, or COMMIT in the same request.',
      { statement: plan.statements.length - 1 },
    );
  }
}

function onlyStatement({ plan: { statements } }: StatementRun): PlannedStatement | undefined {
  return statements.length === 1 ? statements[0] : undefined;
}

/** Whether there is nothing to look at between preparing and executing. */
function isKnown({ plan, session }: StatementRun, { sql, parameters }: PlannedStatement): boolean {
  // With another default database it must not be executed if changing the database fails.
  const inPlace = plan.database === null || plan.database === session.database;
  // The names of the columns are looked at first, when the rows are to be objects.
  const plainRows = plan.rows === 'array';
  const known = session.known.parameterCount(sql) === parameters.length;
  return inPlace && plainRows && known && session.connection.canExecuteLast;
}

/**
 * Sends everything at once, so the server wakes up once. "The last statement" is this one: the session was reset, and has
 * prepared nothing else.
 */
async function runKnown(run: StatementRun, { sql, parameters }: PlannedStatement): Promise<void> {
  const { progress, results, session } = run;
  const { connection } = session;
  beginStatement(run, 0);
  progress.mayCommit = !run.readOnly;
  connection.cork();
  const before = run.readOnly && !session.begun ? [connection.run(START_READ_ONLY)] : [];
  const preparing = connection.prepare(sql);
  const executed = connection.executeLast(parameters, results);
  if (!run.readOnly) progress.settling = settleSession(session, progress);
  progress.resetting = resetAhead(run);
  // The preparation is answered first: when it is refused, the client gets that refusal.
  const others = progress.settling ? [executed, progress.settling] : [executed];
  await flushed(connection, preparing, [...before, ...others]);
  raise(results, 0);
}

async function runOneByOne(run: StatementRun): Promise<void> {
  const { plan, progress, results, session } = run;
  const { connection } = session;
  const last = plan.statements.length - 1;
  for (const [i, statement] of plan.statements.entries()) {
    beginStatement(run, i);
    connection.cork();
    const before = [selectDatabase(run, i)];
    const [prepared] = await flushed(connection, connection.prepare(statement.sql), before);
    check(run, statement, prepared, i);
    if (prepared.columns.length === 0) guardWithoutResult(statement.sql, run.role, i);
    session.known.learn(statement.sql, prepared.parameterCount);
    progress.mayCommit = true;
    connection.cork();
    const executed = connection.execute(prepared, statement.parameters, results);
    // In the same write: asking only at the end keeps ROW_COUNT() and SHOW WARNINGS of a batch right.
    if (i === last) progress.settling = settleSession(session, progress);
    endStatement(run, prepared, i);
    await flushed(connection, executed, progress.settling ? [progress.settling] : []);
    raise(results, i);
  }
}

/** All statements or none, and with them what `run.beforeCommit` adds. */
export async function runTransaction(run: StatementRun): Promise<void> {
  const { plan, progress, results, session } = run;
  const { connection } = session;
  const last = plan.statements.length - 1;
  for (const [i, statement] of plan.statements.entries()) {
    beginStatement(run, i);
    connection.cork();
    const before = [selectDatabase(run, i)];
    if (i === 0) before.push(connection.run('START TRANSACTION'), connection.run(`SAVEPOINT ${SAVEPOINT}`));
    const [prepared] = await flushed(connection, connection.prepare(statement.sql), before);
    check(run, statement, prepared, i);
    if (prepared.columns.length === 0) {
      guardWithoutResult(statement.sql, run.role, i);
      if (!canNotCommit(statement.sql)) progress.mayCommit = true; // it could be DDL, which commits by itself
    }
    await connection.execute(prepared, statement.parameters, results);
    connection.closeStatement(prepared.id);
    raise(results, i);
    if (!(results.status & STATUS.inTransaction)) throw transactionEnded(i);
  }
  if (progress.cancelled) throw cancelled(last);
  await commit(run);
}

/** Commits what was begun with `SAVEPOINT`, if it is still that transaction. */
async function commit({ session, progress, beforeCommit }: StatementRun): Promise<void> {
  const { connection } = session;
  try {
    await connection.run(`RELEASE SAVEPOINT ${SAVEPOINT}`);
  } catch (error) {
    if (error instanceof ServerError && error.errno === ERRNO.noSuchSavepoint)
      throw transactionEnded(undefined);
    throw error;
  }
  await beforeCommit?.();
  if (progress.cancelled) throw cancelled(undefined);
  progress.mayCommit = true;
  connection.cork();
  await flushed(connection, connection.run('COMMIT'), [settleSession(session, progress)]);
}

/** Begins a transaction that goes on after its request. `isolation` as SQL says it, null = the server's. */
export async function beginOpenTransaction(
  connection: Connection,
  { readOnly, isolation }: { readOnly: boolean; isolation: string | null },
): Promise<void> {
  connection.cork();
  const before = isolation === null ? [] : [connection.run(`SET TRANSACTION ISOLATION LEVEL ${isolation}`)];
  if (readOnly) {
    await flushed(connection, connection.run(START_SNAPSHOT), before);
    return;
  }
  before.push(connection.run('START TRANSACTION'));
  await flushed(connection, connection.run(`SAVEPOINT ${SAVEPOINT}`), before);
}

/** The statements of one request in a transaction that was begun earlier and goes on. */
export async function runInOpenTransaction(run: StatementRun): Promise<void> {
  const { plan, progress, results, session } = run;
  const { connection } = session;
  for (const [i, statement] of plan.statements.entries()) {
    beginStatement(run, i);
    connection.cork();
    const [prepared] = await flushed(connection, connection.prepare(statement.sql), [selectDatabase(run, i)]);
    check(run, statement, prepared, i);
    if (prepared.columns.length === 0) {
      guardWithoutResult(statement.sql, run.role, i);
      if (!run.readOnly && !canNotCommit(statement.sql)) progress.mayCommit = true;
    }
    await connection.execute(prepared, statement.parameters, results);
    connection.closeStatement(prepared.id);
    if (!isStillOpen(results.status, run.readOnly)) throw transactionEnded(i);
    raise(results, i);
    progress.mayCommit = false;
  }
}

/** Whether a transaction that was begun by `beginOpenTransaction` goes on, by the server's last status. */
export function isStillOpen(status: number, readOnly: boolean): boolean {
  const needed = readOnly ? STATUS.inTransaction | STATUS.inReadOnlyTransaction : STATUS.inTransaction;
  return (status & needed) === needed;
}

export async function commitOpenTransaction(run: StatementRun): Promise<void> {
  if (!run.current()) throw serverChanged(undefined);
  if (run.readOnly) await run.session.connection.run('COMMIT');
  else await commit(run);
}

function transactionEnded(statement: number | undefined): ApiError {
  return new ApiError(
    400,
    'TRANSACTION_ENDED',
    'A statement ended the transaction of this request (DDL and COMMIT do). What came after it was rolled back.',
    { statement },
  );
}

export function beginStatement(run: StatementRun, i: number): void {
  if (run.progress.cancelled) throw cancelled(i);
  if (!run.current()) throw serverChanged(i);
  run.progress.statement = i;
  run.results.begin(run.plan.several ? i : null);
}

export function serverChanged(statement: number | undefined): ApiError {
  return new ApiError(503, 'NOT_OPEN', 'The server restarted or changed its role during the request.', {
    statement,
    retryable: true,
  });
}

function cancelled(statement: number | undefined): ApiError {
  return new ApiError(504, 'TIMEOUT', 'The request timed out.', { statement });
}

export async function selectDatabase(run: StatementRun, i: number): Promise<void> {
  const { session, plan } = run;
  if (i > 0 || plan.database === null || session.database === plan.database) return;
  await session.connection.useDatabase(plan.database);
  session.database = plan.database;
}

/**
 * Sends what was corked and waits for all of it; the first refusal is the one that is thrown.
 * Every promise is attended to, so that a later one cannot become an unhandled rejection.
 */
async function flushed<T>(
  connection: Connection,
  main: Promise<T>,
  others: readonly Promise<void>[],
): Promise<[T]> {
  connection.uncork();
  const [value] = await Promise.all([main, ...others]);
  return [value];
}

/** Called just before the execution, because a client that was told "nothing takes effect" must not see an effect. */
export function check(run: StatementRun, statement: PlannedStatement, prepared: Prepared, i: number): void {
  if (run.progress.cancelled) throw cancelled(i);
  const given = statement.parameters.length;
  if (prepared.parameterCount !== given) {
    throw new ApiError(
      400,
      'PARAMETER_COUNT',
      `The statement has ${prepared.parameterCount} parameter(s), ${given} were given.`,
      { statement: i },
    );
  }
  if (run.plan.rows !== 'object') return;
  try {
    refuseEqualNames(prepared.columns);
  } catch (error) {
    throw error instanceof ApiError ? error.with({ statement: i }) : error;
  }
}

export function raise(results: ResultOutput, statement: number): void {
  if (results.tooLarge) throw results.tooLarge.with({ statement });
  if (results.failure) throw results.failure.with({ statement });
}
