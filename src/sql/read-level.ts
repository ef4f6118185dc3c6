/** What must hold before a statement reads, by the level that its request asks for. */

import { ApiError, notPrimary } from '../api/api-error.js';
import type { NodeView } from '../api/node-view.js';
import { isSkeinError } from '../model/error.js';
import type { Connection } from '../mysql-client/connection.js';
import type { Cancellation } from '../std/cancellation.js';
import { CANCELLED, unlessCancelled } from '../std/unless-cancelled.js';
import type { ReadPlan } from './request.js';

/**
 * @throws ApiError 412 POSITION_NOT_REACHED | LAG_TOO_LARGE, 421 NOT_PRIMARY, 503 NO_QUORUM; SkeinError TRANSACTION_LOST
 */
export async function reachReadLevel(
  plan: ReadPlan,
  node: NodeView,
  { timeoutMs, over }: { timeoutMs: number; over: Cancellation },
): Promise<void> {
  switch (plan.read) {
    case 'local':
      return;
    case 'bounded':
      requireFresh(node, plan.maxLagMs);
      return;
    case 'session':
      if (plan.after === null) return;
      await orWhenOver(
        node.waitApplied(plan.after, { timeoutMs, signal: over.signal }),
        over,
        positionNotReached,
      );
      return;
    case 'primary':
      requirePrimary(node, plan.read);
      return;
    case 'linearizable':
      requirePrimary(node, plan.read);
      await orWhenOver(
        unlessRoleLost(node.confirmPrimary({ signal: over.signal }), node),
        over,
        notConfirmed,
      );
      return;
  }
}

/** The role may end while the quorum is asked: nothing is answered then, and the read can be sent again. */
async function unlessRoleLost<T>(asking: Promise<T>, node: NodeView): Promise<T> {
  try {
    return await asking;
  } catch (error) {
    if (!isSkeinError(error)) throw error;
    requirePrimary(node, 'linearizable');
    throw notConfirmed();
  }
}

/**
 * What was read may have been visible before a quorum had it (a killed commit, `acknowledge: async`): all that the
 * server's log holds by now has to be committed before a linearizable read is answered.
 * @throws ApiError 421 NOT_PRIMARY, 503 NO_QUORUM
 */
export async function confirmWhatWasRead(
  connection: Connection,
  node: NodeView,
  over: Cancellation,
): Promise<void> {
  const [gtid] = await connection.ask(`SELECT ${node.flavour.sql.positions.logged}`);
  if (!gtid) return;
  const committed = unlessRoleLost(node.waitCommitted(gtid, 'majority', { over }), node);
  await orWhenOver(committed, over, notConfirmed);
}

function requireFresh(node: NodeView, maxLagMs: number): void {
  const { lagMs } = node.ready();
  if (lagMs !== null && lagMs <= maxLagMs) return;
  const lag = lagMs === null ? 'how far it is behind is not known' : `it is ${Math.round(lagMs)} ms behind`;
  throw new ApiError(
    412,
    'LAG_TOO_LARGE',
    `This node is too far behind: ${lag}, and the request allows ${maxLagMs} ms. Ask another node.`,
    { retryable: true },
  );
}

function requirePrimary(node: NodeView, level: string): void {
  if (node.role() === 'primary') return;
  const primary = node.primaryHttp();
  throw notPrimary(
    primary,
    `Reads of level "${level}" are answered by the primary only${primary === null ? ', and none is known now' : ` (${primary})`}.`,
  );
}

async function orWhenOver<T>(work: Promise<T>, over: Cancellation, failure: () => ApiError): Promise<T> {
  try {
    return await unlessCancelled(work, over);
  } catch (error) {
    throw error === CANCELLED ? failure() : error;
  }
}

function positionNotReached(): ApiError {
  return new ApiError(412, 'POSITION_NOT_REACHED', 'This node has not applied that position in time.', {
    retryable: true,
  });
}

function notConfirmed(): ApiError {
  return new ApiError(
    503,
    'NO_QUORUM',
    'No quorum confirmed in time that this node is still the primary, so it cannot give a linearizable answer.',
    { retryable: true },
  );
}
