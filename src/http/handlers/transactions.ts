import type { Static } from '@sinclair/typebox';
import { ApiError, notPrimary } from '../../api/api-error.js';
import type { NodeView } from '../../api/node-view.js';
import { formatPosition } from '../../model/position.js';
import { SqlExecution, type SqlModules } from '../../sql/execute.js';
import { confirmStored } from '../../sql/execute-once.js';
import { fingerprintOf } from '../../sql/outcomes.js';
import { reachReadLevel } from '../../sql/read-level.js';
import { planRead, planWithoutStatements, TIMEOUT_DEFAULT_MS } from '../../sql/request.js';
import { ResultBuilder } from '../../sql/result-builder.js';
import { beginOpenTransaction, commitOpenTransaction } from '../../sql/run-statements.js';
import type { SqlOutcome } from '../../sql/sql-outcome.js';
import { openedSince, type TransactionUse } from '../../sql/transactions.js';
import { requireOpen, withinTime } from '../../sql/within-time.js';
import type { postTx, postTxCommit } from '../endpoints/transactions.js';
import { final } from '../held-requests.js';
import { callerOf, type Handler, type HandlerModules, type HandlerRequest } from './context.js';
import type { HandlerReply } from './reply.js';

const IDLE_DEFAULT_MS = 10_000;
const TOTAL_DEFAULT_MS = 60_000;

export const handleOpenTransaction: Handler = (request, modules) => {
  const { timeoutMs = TIMEOUT_DEFAULT_MS } = request.body as Static<typeof postTx.body>;
  return modules.held.run(
    { timeoutMs, forwards: false, staysHere: true, gone: request.gone },
    async (attempt) => final(await openTransaction(request, modules, attempt.timeoutMs)),
  );
};

async function openTransaction(
  request: HandlerRequest,
  modules: HandlerModules,
  timeoutMs: number,
): Promise<HandlerReply> {
  const { node, sql } = modules;
  const body = request.body as Static<typeof postTx.body>;
  const role = request.token?.role ?? 'read';
  if (role !== 'read' && body.readOnly !== true && node.role() === 'replica') {
    throw notPrimary(node.primaryHttp());
  }
  const readOnly = role === 'read' || body.readOnly === true;
  if (readOnly && body.isolation !== undefined && body.isolation !== 'repeatable-read') {
    throw new ApiError(400, 'INVALID_FIELD', 'A read-only transaction is a snapshot ("repeatable-read").');
  }
  const level = planRead(body.read, request.header('x-skein-position'));
  const idleMs = body.idleMs ?? IDLE_DEFAULT_MS;
  const totalMs = body.totalMs ?? TOTAL_DEFAULT_MS;
  const owner = { tokenId: request.token?.id ?? '', tokenHash: request.tokenHash(), role };
  const unreserve = sql.transactions.reserve(owner);
  try {
    const caller = callerOf(request);
    return await withinTime(timeoutMs, caller, { readOnly, modules: sql }, async (over) => {
      requireOpen(node);
      await reachReadLevel(level, node, { timeoutMs, over });
      requireOpen(node);
      const pool = sql.pools[role];
      const session = await pool.acquire(body.database ?? null, owner.tokenId, over);
      const position = formatPosition(node.appliedPosition());
      try {
        if (body.database !== undefined && session.database !== body.database) {
          await session.connection.useDatabase(body.database);
          session.database = body.database;
        }
        const isolation = body.isolation?.toUpperCase().replace('-', ' ') ?? null;
        await beginOpenTransaction(session.connection, { readOnly, isolation: readOnly ? null : isolation });
      } catch (error) {
        pool.discard(session);
        throw error;
      }
      const { id, expiresAt } = sql.transactions.add(owner, { session, pool }, { readOnly, idleMs, totalMs });
      return {
        kind: 'json',
        status: 201,
        body: { id, readOnly, idleMs, expiresAt, position, ...answerer(modules) },
        headers: { 'x-skein-position': position },
        facts: { tx: id },
      } as const;
    });
  } finally {
    unreserve();
  }
}

export const handleCommit: Handler = async (request, modules) => {
  const { id = '' } = request.params;
  const tokenId = request.token?.id ?? '';
  const before = modules.sql.transactions.committed(id, tokenId);
  const outcome = before ?? (await commit(id, request, modules));
  const position = formatPosition(outcome.position);
  const headers = { 'x-skein-position': position };
  const { error } = outcome;
  if (error !== null) {
    return {
      kind: 'json',
      status: error.status,
      body: error.toBody(request.requestId),
      headers,
      facts: { tx: id, outcome: error.code, applied: error.details.applied ?? 'no' },
    };
  }
  const { acknowledgedBy } = outcome;
  return {
    kind: 'json',
    body: { id, state: 'committed', position, acknowledgedBy, ...answerer(modules) },
    headers,
    facts: { tx: id },
  };
};

async function commit(
  id: string,
  request: HandlerRequest,
  { sql, node }: HandlerModules,
): Promise<SqlOutcome> {
  const { write, timeoutMs = TIMEOUT_DEFAULT_MS } = request.body as Static<typeof postTxCommit.body>;
  const tokenId = request.token?.id ?? '';
  requireOpen(node);
  let use: TransactionUse;
  try {
    use = await sql.transactions.use(id, tokenId);
  } catch (error) {
    if (error instanceof ApiError && error.code === 'TX_UNKNOWN')
      return await committedBefore(id, error, request, { sql, node });
    throw error;
  }
  use.end({ reason: 'its commit is under way', applied: 'unknown' });
  const caller = callerOf(request);
  const plan = planWithoutStatements({ timeoutMs, acknowledge: write?.acknowledge ?? null });
  const results = new ResultBuilder({ rows: 'array', bigint: 'string' }, request.answerRoom);
  const execution = new SqlExecution(plan, caller, results, sql, use.lease, async (run) => {
    const name = sql.outcomes.nameOf('tx', tokenId, id);
    const beforeCommit = () =>
      sql.outcomes.record(run.session.connection, { name, fingerprint: fingerprintOf(id), answer: '' });
    await commitOpenTransaction({ ...run, readOnly: use.readOnly, beforeCommit });
  });
  const notBegun = () => {
    use.end({ reason: 'the node stops; it was rolled back', applied: 'no' });
    use.lease.release({ failed: false, resetting: null });
  };
  const outcome = await withinTime(timeoutMs, caller, { readOnly: false, modules: sql, notBegun }, (over) =>
    execution.write(over),
  );
  const { error } = outcome;
  use.end(
    error === null
      ? { reason: 'it was committed', applied: 'yes', committed: outcome }
      : { reason: `its commit failed: ${error.message}`, applied: error.details.applied ?? 'no' },
  );
  return outcome;
}

/** After a restart, or when the node has dropped its record: a committed transaction has stored its outcome with it. */
async function committedBefore(
  id: string,
  refusal: ApiError,
  request: HandlerRequest,
  { sql, node }: { readonly sql: SqlModules; readonly node: NodeView },
): Promise<SqlOutcome> {
  const caller = callerOf(request);
  const found = await sql.outcomes.find(sql.outcomes.nameOf('tx', caller.tokenId, id));
  if (typeof found === 'object') {
    return await withinTime(TIMEOUT_DEFAULT_MS, caller, { readOnly: false, modules: sql }, async (over) => ({
      ...(await confirmStored(sql, over)),
      error: null,
    }));
  }
  // The session died with its node, so a commit that does not wait for its quorum by now never will. A replica may not have
  // executed it yet: this node was the primary, and the next one has kept it.
  const isBehind = node.role() !== 'primary';
  const forgotten = found === 'committing' || isBehind || !openedSince(id, Date.now() - sql.outcomes.keepMs);
  throw refusal.with({ applied: forgotten ? 'unknown' : 'no' });
}

export const handleRollback: Handler = async (request, modules) => {
  const { id = '' } = request.params;
  const use = await modules.sql.transactions.use(id, request.token?.id ?? '');
  use.end({ reason: 'it was rolled back', applied: 'no' });
  // The session is reset on its way back, which rolls back.
  use.lease.release({ failed: false, resetting: null });
  return { kind: 'json', body: { id, state: 'rolled back', ...answerer(modules) }, facts: { tx: id } };
};

function answerer({ node }: HandlerModules): { node: string; role: string; epoch: number } {
  return { node: node.name, role: node.role(), epoch: node.epoch() };
}
