/**
 * One `POST /v1/sql` from plan to outcome: is the node open, is the asked position reached; then a session, the
 * statements, and for a write the wait for its quorum. 200 only when the node's own quorum position covers the
 * transaction, never on the server's OK alone (rules C1 and C4); what is not known in time is answered as unknown, and
 * its later fate is logged.
 */

import { ApiError, type Applied, notPrimary, thatApplied, toApiError } from '../api/api-error.js';
import type { NodeView } from '../api/node-view.js';
import type { TokenRole } from '../auth/token.js';
import { messageOf } from '../model/error.js';
import type { Position } from '../model/position.js';
import type { AcknowledgeLevel } from '../model/status.js';
import { ServerError } from '../mysql-client/replies.js';
import { ERRNO } from '../mysql-protocol/errno.js';
import { Cancellation } from '../std/cancellation.js';
import type { Logger } from '../std/logger.js';
import { CANCELLED, unlessCancelled } from '../std/unless-cancelled.js';
import { looksLikeRead } from './guard.js';
import type { Outcomes } from './outcomes.js';
import { confirmWhatWasRead, reachReadLevel } from './read-level.js';
import type { SqlPlan } from './request.js';
import type { ResultOutput } from './result-output.js';
import { runPlain } from './run-plain.js';
import {
  type Progress,
  runInOpenTransaction,
  runStatements,
  type StatementRun,
  serverChanged,
  settleSession,
} from './run-statements.js';
import type { Session } from './session.js';
import { type Ended, endTransaction } from './session-cleaning.js';
import { killSession } from './session-killing.js';
import { leaseOf, type SessionLease } from './session-lease.js';
import type { SessionPool } from './session-pool.js';
import type { SqlOutcome } from './sql-outcome.js';
import type { OpenTransactions } from './transactions.js';
import { errorContext, requireOpen, withinTime } from './within-time.js';

/** How long a write whose request has been answered as unknown may still occupy its session. */
const BACKGROUND_MAX_MS = 10 * 60_000;

export interface SqlModules {
  readonly node: NodeView;
  readonly pools: Readonly<Record<TokenRole, SessionPool>>;
  readonly transactions: OpenTransactions;
  readonly outcomes: Outcomes;
  readonly log: Logger;
  /** Ends when the node stops: what still waits is answered at once. */
  readonly stopping: Cancellation;
}

export interface SqlCaller {
  readonly role: TokenRole;
  readonly tokenId: string;
  readonly requestId: string;
  /** Ends when the client has gone away: its reads are stopped, its writes are not. */
  readonly gone: Cancellation;
}

/** What is done in the session of a request. `settled` is called when a write has come to its end, answered or not. */
export interface SqlWork {
  work(run: StatementRun): Promise<void>;
  settled(): void;
}

const ORDINARY_WORK: SqlWork = { work: runStatements, settled: () => {} };

/** @throws ApiError when nothing was run at all; whatever happens from then on is in the outcome. */
export async function executeSql(
  plan: SqlPlan,
  caller: SqlCaller,
  results: ResultOutput,
  modules: SqlModules,
  how: SqlWork = ORDINARY_WORK,
): Promise<SqlOutcome> {
  if (plan.tx !== null) return executeInTransaction(plan.tx, plan, caller, results, modules);
  const request = { caller, results, modules, how };
  // The role may have ended since its caller chose what is done.
  if (how !== ORDINARY_WORK && modules.node.role() === 'replica')
    throw notPrimary(modules.node.primaryHttp());
  if (readsOnly(caller, modules.node)) return executeAs('read', plan, request);
  if (how !== ORDINARY_WORK || !looksLikeReads(plan, results)) return executeAs('write', plan, request);
  const startedAtMs = performance.now();
  const outcome = await executeAs('read', plan, request);
  // The server says that it does write (by a function, a sequence, a lock), and has done nothing of it.
  if (outcome.error?.details.errno !== ERRNO.readOnlyTransaction || !results.restart()) return outcome;
  const timeoutMs = Math.max(1, plan.timeoutMs - Math.round(performance.now() - startedAtMs));
  return executeAs('write', { ...plan, timeoutMs }, request);
}

/** On a replica no session writes (a change of role ends the sessions). */
function readsOnly(caller: SqlCaller, node: NodeView): boolean {
  return caller.role === 'read' || node.role() === 'replica';
}

function looksLikeReads({ statements }: SqlPlan, { tellsEarly }: ResultOutput): boolean {
  // Rows that were sent already cannot be taken back when a later statement turns out to write.
  if (statements.length > 1 && tellsEarly) return false;
  return statements.every(({ sql }) => looksLikeRead(sql));
}

async function executeAs(
  kind: 'read' | 'write',
  plan: SqlPlan,
  {
    caller,
    results,
    modules,
    how,
  }: { caller: SqlCaller; results: ResultOutput; modules: SqlModules; how: SqlWork },
): Promise<SqlOutcome> {
  const { node } = modules;
  const readOnly = kind === 'read';
  const role = node.role();
  return await withinTime(plan.timeoutMs, caller, { readOnly, modules }, async (over) => {
    requireOpen(node);
    if (plan.read !== 'local') {
      await reachReadLevel(plan, node, { timeoutMs: plan.timeoutMs, over });
      requireOpen(node);
    }
    const pool = modules.pools[caller.role];
    const plain = readOnly && how === ORDINARY_WORK ? plainReadOf(plan, results, pool, node) : null;
    const session = await pool.acquire(plan.database, caller.tokenId, over, plain?.sql);
    const lease = leaseOf(pool, session);
    // `kind` was chosen for the role of that time. A later change ends the generation of this session.
    if (node.role() !== role) {
      lease.release({ failed: false, resetting: null });
      throw serverChanged(undefined);
    }
    const work = plain?.workIn(session) ?? how.work;
    const request = new SqlExecution(plan, caller, results, modules, lease, work);
    return readOnly ? await request.read(over) : await request.write(over, how.settled);
  });
}

interface PlainWork {
  readonly sql: string;
  /** Null: its server does not say what is needed. */
  workIn(session: Session): ((run: StatementRun) => Promise<void>) | null;
}

/** Null: not a plain read, or its rows cannot be taken back once they are told. */
function plainReadOf(
  { statements, transaction, database }: SqlPlan,
  { tellsEarly }: ResultOutput,
  { plainReads }: SessionPool,
  { flavour: { errors } }: NodeView,
): PlainWork | null {
  const [only] = statements;
  if (only === undefined || statements.length > 1 || transaction || tellsEarly) return null;
  const { sql } = only;
  const read = plainReads.find(sql, database);
  if (read === null) return null;
  const how = { read, errors, refuse: () => plainReads.refuse(sql, database) };
  const work = (run: StatementRun) => runPlain(run, how);
  return { sql, workIn: ({ connection }) => (connection.tellsChanges ? work : null) };
}

/** Statements of a transaction that was opened before; when one of them takes too long, the transaction is over. */
async function executeInTransaction(
  id: string,
  plan: SqlPlan,
  caller: SqlCaller,
  results: ResultOutput,
  modules: SqlModules,
): Promise<SqlOutcome> {
  const { node, transactions } = modules;
  requireOpen(node);
  const { lease, readOnly, leftMs, end } = await transactions.use(id, caller.tokenId);
  const timeoutMs = Math.min(plan.timeoutMs, leftMs);
  // Nothing was sent to it: the transaction goes on, and the next request may use it.
  const notBegun = () => lease.release({ failed: false, resetting: null });
  return await withinTime(timeoutMs, caller, { readOnly, modules, notBegun }, async (over) => {
    const inTime = { ...plan, timeoutMs, transaction: true };
    const work = (run: StatementRun) => runInOpenTransaction({ ...run, readOnly });
    const execution = new SqlExecution(inTime, caller, results, modules, lease, work);
    const outcome = readOnly ? await execution.read(over) : await execution.write(over);
    const { error } = outcome;
    if (error?.status === 504 || error?.code === 'TRANSACTION_ENDED') {
      const applied = error.details.applied ?? 'no';
      end({ reason: `a statement of it ended it (${error.code})`, applied });
    }
    return outcome;
  });
}

const LEVELS: readonly AcknowledgeLevel[] = ['async', 'majority', 'all'];

/** A request may ask for more than the cluster's level, never for less. */
function strongerLevel(cluster: AcknowledgeLevel, asked: AcknowledgeLevel | null): AcknowledgeLevel {
  return asked !== null && LEVELS.indexOf(asked) > LEVELS.indexOf(cluster) ? asked : cluster;
}

/**
 * Runs `work` in a session until it is done or its time is over; a write also until its quorum has it.
 * Never rejects: whatever happens is in the outcome.
 */
export class SqlExecution {
  readonly #plan: SqlPlan;
  readonly #caller: SqlCaller;
  readonly #modules: SqlModules;
  readonly #lease: SessionLease;
  readonly #session: Session;
  readonly #work: (run: StatementRun) => Promise<void>;
  readonly #results: ResultOutput;
  readonly #progress: Progress = {
    statement: 0,
    mayCommit: false,
    cancelled: false,
    gtid: '',
    settling: null,
    resetting: null,
  };
  #position: Position;
  #givenBack = false;
  /** Its session is being killed, so no other request may get it. */
  #killed = false;
  #acknowledgedBy: readonly string[] = [];

  constructor(
    plan: SqlPlan,
    caller: SqlCaller,
    results: ResultOutput,
    modules: SqlModules,
    lease: SessionLease,
    work: (run: StatementRun) => Promise<void>,
  ) {
    this.#plan = plan;
    this.#caller = caller;
    this.#modules = modules;
    this.#lease = lease;
    this.#session = lease.session;
    this.#work = work;
    // Taken before the read: the answer may then show more than the position says, never less.
    this.#position = modules.node.appliedPosition();
    results.source(lease.session.connection);
    this.#results = results;
  }

  async read(over: Cancellation): Promise<SqlOutcome> {
    // The rest of a read is not worth waiting for then.
    this.#results.onTooLarge = () => over.cancel();
    try {
      await unlessCancelled(this.#work(this.#run(true)), over);
      if (this.#plan.read === 'linearizable') await this.#confirmRead(over);
      this.#giveBack(false);
      return this.#outcome(null);
    } catch (error) {
      if (error !== CANCELLED) {
        this.#giveBack(true);
        return this.#outcome(this.#failure(error, 'no'));
      }
      // A read commits nothing: its session may be killed.
      this.#progress.cancelled = true;
      this.#session.connection.destroy();
      void this.#kill().then(() => this.#lease.discard());
      return this.#outcome(
        this.#results.tooLarge?.with({ statement: this.#progress.statement }) ?? this.#stopped(),
      );
    }
  }

  #stopped(): ApiError {
    return new ApiError(
      504,
      'TIMEOUT',
      `The read did not finish within ${this.#plan.timeoutMs} ms; it was stopped.`,
      { statement: this.#progress.statement, retryable: true },
    );
  }

  #confirmRead(over: Cancellation): Promise<void> {
    return confirmWhatWasRead(this.#session.connection, this.#modules.node, over);
  }

  async write(over: Cancellation, settled: () => void = () => {}): Promise<SqlOutcome> {
    const background = new Cancellation();
    const work = this.#writeToTheEnd(background, settled);
    try {
      return await unlessCancelled(work, over);
    } catch (error) {
      if (error !== CANCELLED) throw error;
    }
    this.#progress.cancelled = true;
    const { mayCommit, statement } = this.#progress;
    // From here on nothing is sent that could commit: what still runs would only be rolled back.
    if (!mayCommit && !this.#givenBack) {
      this.#killed = true;
      void this.#kill();
    }
    void this.#watchFate(work, background, mayCommit);
    const text = mayCommit
      ? 'The write was not confirmed in time. It may or may not take effect; the log of this node will say.'
      : 'The request did not finish in time; nothing of it takes effect.';
    return this.#outcome(
      new ApiError(504, mayCommit ? 'OUTCOME_UNKNOWN' : 'TIMEOUT', text, {
        statement,
        applied: mayCommit ? 'unknown' : 'no',
        retryable: !mayCommit,
      }),
    );
  }

  /** Never rejects. */
  async #writeToTheEnd(over: Cancellation, settled: () => void): Promise<SqlOutcome> {
    try {
      return await this.#writeAndConfirm(over);
    } finally {
      settled();
    }
  }

  async #writeAndConfirm(over: Cancellation): Promise<SqlOutcome> {
    let failure: unknown = null;
    try {
      await this.#work(this.#run(false));
      if (this.#progress.gtid === '' && this.#plan.read === 'linearizable') await this.#confirmRead(over);
    } catch (error) {
      failure = error;
      try {
        if ((await this.#endWhatIsOpen()) === 'branch') failure = branchLeft(this.#progress.statement);
      } catch {
        this.#giveBack(true);
        return this.#outcome(this.#failure(failure, this.#progress.mayCommit ? 'unknown' : 'no'));
      }
    }
    this.#giveBack(failure !== null);
    const wrote = this.#progress.gtid !== '';
    if (wrote) {
      try {
        await this.#confirm(over);
      } catch (error) {
        return this.#outcome(
          new ApiError(
            504,
            'OUTCOME_UNKNOWN',
            `The write was executed here, but the node could not confirm that it is kept: ${error === CANCELLED ? 'given up' : messageOf(error)}`,
            { applied: 'unknown' },
          ),
        );
      }
    }
    if (failure === null) return this.#outcome(null);
    return this.#outcome(this.#failure(failure, wrote ? this.#howMuchApplied() : 'no'));
  }

  /**
   * After a failure: what it left open is rolled back before anybody is told so, and it is asked what it wrote. Even a
   * failed request may have committed: earlier statements, DDL, a procedure.
   */
  async #endWhatIsOpen(): Promise<Ended> {
    const { settling, resetting } = this.#progress;
    // A reset that has left already forgets what was written: then the question that left before it counts.
    if (resetting !== null) {
      await settling;
      return 'nothing';
    }
    const ended = this.#lease.goesOn ? 'nothing' : await endTransaction(this.#session);
    await settleSession(this.#session, this.#progress);
    return ended;
  }

  /** Of a failed request that wrote something: everything (only its rows could not be told), or a part. */
  #howMuchApplied(): Applied {
    const all =
      this.#results.resultCount > 0 && this.#progress.statement === this.#plan.statements.length - 1;
    return all &&
      (this.#results.failure !== null || this.#results.tooLarge !== null) &&
      !this.#plan.transaction
      ? 'yes'
      : 'partial';
  }

  async #confirm(over: Cancellation): Promise<void> {
    const { node } = this.#modules;
    const level = strongerLevel(node.acknowledge(), this.#plan.acknowledge);
    const committed = await node.waitCommitted(this.#progress.gtid, level, { over });
    this.#position = committed.position;
    this.#acknowledgedBy = committed.acknowledgedBy;
  }

  /** Follows a write that was answered as unknown; its session is given up when it takes too long. */
  async #watchFate(work: Promise<SqlOutcome>, background: Cancellation, unknown: boolean): Promise<void> {
    const { log } = this.#modules;
    const { requestId } = this.#caller;
    const timer = setTimeout(() => {
      background.cancel();
      if (!this.#givenBack) this.#session.connection.destroy('the request was over long ago');
    }, BACKGROUND_MAX_MS);
    timer.unref();
    const { error } = await work;
    clearTimeout(timer);
    if (!unknown) return;
    const applied = error ? (error.details.applied ?? 'no') : 'yes';
    log.warn(
      { requestId, applied, gtid: this.#progress.gtid, reason: error?.message ?? null },
      'a write that was answered as unknown has ended',
    );
  }

  #run(readOnly: boolean): StatementRun {
    return {
      session: this.#session,
      plan: this.#plan,
      role: this.#caller.role,
      readOnly,
      nextReadsOnly: readsOnly(this.#caller, this.#modules.node),
      results: this.#results,
      progress: this.#progress,
      current: () => this.#isCurrent,
    };
  }

  get #isCurrent(): boolean {
    return this.#modules.node.server()?.generation === this.#session.generation;
  }

  #failure(error: unknown, applied: Applied): ApiError {
    const { node } = this.#modules;
    let failure = toApiError(error, errorContext(node, this.#caller.role));
    // What the server of another role or run said is no answer to the request, which was not done.
    if (
      error instanceof ServerError &&
      applied === 'no' &&
      !this.#isCurrent &&
      failure.code !== 'NOT_PRIMARY'
    )
      failure = serverChanged(undefined);
    if (applied === 'unknown')
      failure = new ApiError(504, 'OUTCOME_UNKNOWN', failure.message, failure.details);
    if (failure.status === 500 || failure.code === 'UNREADABLE_ANSWER') {
      this.#modules.log.error({ requestId: this.#caller.requestId, err: error }, failure.message);
    }
    const statement =
      error instanceof ApiError ? (failure.details.statement ?? undefined) : this.#progress.statement;
    return thatApplied(failure.with({ statement }), applied);
  }

  #giveBack(failed: boolean): void {
    this.#givenBack = true;
    // From here on the session may be another request's, which must not be resumed when this one's client has read.
    this.#results.source(null);
    this.#session.connection.resume();
    if (this.#killed) this.#lease.discard();
    else this.#lease.release({ failed, resetting: this.#progress.resetting });
  }

  /** Resolves when the server has ended the session, or does not say so. Never rejects. */
  async #kill(): Promise<void> {
    const access = this.#modules.node.server();
    const { threadId } = this.#session.connection;
    if (access === null) return;
    try {
      await killSession(threadId, { account: `skein_${this.#caller.role}`, access });
    } catch (error) {
      this.#modules.log.warn(
        { threadId, reason: messageOf(error) },
        'a statement whose time was over was not killed',
      );
    }
  }

  #outcome(error: ApiError | null): SqlOutcome {
    return {
      position: this.#position,
      acknowledgedBy: this.#acknowledgedBy,
      error,
    };
  }
}

function branchLeft(statement: number): ApiError {
  return new ApiError(
    400,
    'OPEN_TRANSACTION',
    'The request left an XA branch open, which is not offered over HTTP; the branch was rolled back.',
    { statement },
  );
}
