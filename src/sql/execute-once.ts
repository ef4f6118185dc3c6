/**
 * A write with an idempotency key: done at most once, however often it is sent. The outcome is stored in its own
 * transaction; when it is sent again, the answer has the first results.
 */

import { ApiError } from '../api/api-error.js';
import { messageOf } from '../model/error.js';
import type { BoundParameter } from '../mysql-client/parameters.js';
import type { Cancellation } from '../std/cancellation.js';
import { CANCELLED, unlessCancelled } from '../std/unless-cancelled.js';
import { executeSql, type SqlCaller, type SqlModules } from './execute.js';
import { endsTransaction } from './guard.js';
import { fingerprintOf, keyInUse } from './outcomes.js';
import type { SqlPlan } from './request.js';
import type { ResultBuilder } from './result-builder.js';
import { runTransaction } from './run-statements.js';
import type { SqlOutcome } from './sql-outcome.js';
import { requireOpen, withinTime } from './within-time.js';

const KEY = /^[\x21-\x7e]{1,200}$/;

export interface OnceOutcome extends SqlOutcome {
  /** Text of the stored results, when this was a repetition. */
  readonly replayed: string | null;
}

/** @throws ApiError 400 INVALID_FIELD, NOT_REPEATABLE */
export function checkRepeatable(key: string, plan: SqlPlan, streams: boolean): void {
  if (!KEY.test(key)) {
    throw new ApiError(
      400,
      'INVALID_FIELD',
      'The header "Idempotency-Key" takes 1 to 200 visible ASCII characters.',
    );
  }
  if (plan.several && !plan.transaction) {
    throw notRepeatable('Several statements with an idempotency key need "transaction": true.');
  }
  if (plan.tx !== null) {
    throw notRepeatable(
      'In an open transaction only its commit can be repeated, and it needs no key for that.',
    );
  }
  if (streams) throw notRepeatable('A stream cannot be repeated.');
  const at = plan.statements.findIndex(({ sql }) => endsTransaction(sql));
  if (at === -1) return;
  throw notRepeatable(
    'DDL and whatever else commits by itself cannot be stored together with its outcome: send it without an idempotency key, with IF [NOT] EXISTS.',
  ).with({ statement: at });
}

function notRepeatable(message: string): ApiError {
  return new ApiError(400, 'NOT_REPEATABLE', message);
}

/**
 * @throws ApiError 409 IDEMPOTENCY_KEY_IN_USE, 422 IDEMPOTENCY_KEY_REUSED, and as executeSql
 */
export async function executeOnce(
  key: string,
  { plan, caller, results }: { plan: SqlPlan; caller: SqlCaller; results: ResultBuilder },
  modules: SqlModules,
): Promise<OnceOutcome> {
  const { outcomes, node } = modules;
  requireOpen(node);
  const name = outcomes.nameOf('key', caller.tokenId, key);
  const fingerprint = fingerprintOf(meaningOf(plan));
  const giveBack = outcomes.take(name);
  const replay = () => replayed(name, fingerprint, plan, caller, modules);
  try {
    const before = await replay();
    if (before !== null) {
      giveBack();
      return before;
    }
    const outcome = await executeSql(plan, caller, results, modules, {
      work: (run) =>
        runTransaction({
          ...run,
          beforeCommit: () =>
            outcomes.record(run.session.connection, {
              name,
              fingerprint,
              answer: `[${results.results.join(',')}]`,
            }),
        }),
      // A write that was answered as unknown goes on, and holds its name until it has ended.
      settled: giveBack,
    });
    if (outcome.error?.details.applied === 'unknown') return { ...outcome, replayed: null };
    giveBack();
    // It may have failed because the first one, begun by a node that has died since, had succeeded meanwhile.
    const after = outcome.error === null ? null : await replay();
    return after ?? { ...outcome, replayed: null };
  } catch (error) {
    giveBack();
    throw error;
  }
}

/**
 * What a request asks for, in one form for all of its spellings: defaults left out or written, parameters by name or by
 * place, a number as such or tagged. Only what JSON can hold.
 */
export function meaningOf({ statements, several, database, rows, bigint }: SqlPlan): unknown {
  const bound = statements.map(({ sql, parameters }) => [sql, ...parameters.map(plainParameter)]);
  return { bound, several, database, rows, bigint };
}

function plainParameter(parameter: BoundParameter): unknown {
  switch (parameter.kind) {
    case 'null':
      return null;
    case 'integer':
      return [parameter.kind, String(parameter.value)];
    case 'double':
      return [parameter.kind, Object.is(parameter.value, -0) ? '-0' : parameter.value];
    case 'blob':
      return [parameter.kind, parameter.value.toString('base64')];
    default:
      return [parameter.kind, parameter.value];
  }
}

/** Null when nothing is stored under this name. */
async function replayed(
  name: string,
  fingerprint: string,
  plan: SqlPlan,
  caller: SqlCaller,
  modules: SqlModules,
): Promise<OnceOutcome | null> {
  return await withinTime(plan.timeoutMs, caller, { readOnly: false, modules }, async (over) => {
    const found = await modules.outcomes.find(name);
    if (found === 'none') return null;
    if (found === 'committing') throw keyInUse();
    if (found.fingerprint !== fingerprint) {
      throw new ApiError(
        422,
        'IDEMPOTENCY_KEY_REUSED',
        'This idempotency key was used for a different request.',
      );
    }
    return { ...(await confirmStored(modules, over)), error: null, replayed: found.answer };
  });
}

/**
 * A stored outcome is visible, but must be on a quorum before a client gets it.
 * @throws ApiError 504 OUTCOME_UNKNOWN
 */
export async function confirmStored(
  { node, outcomes }: SqlModules,
  over: Cancellation,
): Promise<Pick<SqlOutcome, 'position' | 'acknowledgedBy'>> {
  if (node.role() !== 'primary') return { position: node.appliedPosition(), acknowledgedBy: [] };
  try {
    const gtid = await outcomes.logEnd();
    return await unlessCancelled(node.waitCommitted(gtid, node.acknowledge(), { over }), over);
  } catch (error) {
    throw new ApiError(
      504,
      'OUTCOME_UNKNOWN',
      `The write was executed, but the node could not confirm that it is kept: ${error === CANCELLED ? 'no quorum in time' : messageOf(error)}.`,
      { applied: 'unknown' },
    );
  }
}
