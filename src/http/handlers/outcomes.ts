import { ApiError, notPrimary } from '../../api/api-error.js';
import type { NodeView } from '../../api/node-view.js';
import { messageOf } from '../../model/error.js';
import { formatPosition, type Position } from '../../model/position.js';
import { confirmStored } from '../../sql/execute-once.js';
import type { FoundOutcome } from '../../sql/outcomes.js';
import { requireOpen, withinTime } from '../../sql/within-time.js';
import type { Cancellation } from '../../std/cancellation.js';
import { CANCELLED, unlessCancelled } from '../../std/unless-cancelled.js';
import { final } from '../held-requests.js';
import { callerOf, type Handler, type HandlerModules, type HandlerRequest } from './context.js';
import type { HandlerReply } from './reply.js';

/** Deadline for an open primary, and for the quorum that confirms the answer. */
const TIMEOUT_MS = 10_000;

export const handleOutcome: Handler = (request, modules) =>
  modules.held.run(
    { timeoutMs: TIMEOUT_MS, forwards: false, staysHere: true, gone: request.gone },
    async ({ timeoutMs }) => final(await outcomeOf(request, modules, timeoutMs)),
  );

async function outcomeOf(
  request: HandlerRequest,
  modules: HandlerModules,
  timeoutMs: number,
): Promise<HandlerReply> {
  const { node, sql } = modules;
  const { key = '' } = request.params;
  const caller = callerOf(request);
  requireOpen(node);
  const names = (['key', 'tx'] as const).map((kind) => sql.outcomes.nameOf(kind, caller.tokenId, key));
  const running = names.some((name) => sql.outcomes.isRunning(name));
  const found = await firstFound(names, modules);
  if (typeof found === 'object') {
    const { position } = await withinTime(timeoutMs, caller, { readOnly: false, modules: sql }, (over) =>
      confirmStored(sql, over),
    );
    return reply('yes', `${found.createdAt.replace(' ', 'T')}Z`, position);
  }
  // An outcome that a replica does not have may be on the primary.
  if (node.role() !== 'primary') throw notPrimary(node.primaryHttp());
  if (running || found === 'committing') return reply('unknown', null, node.appliedPosition());
  // A primary that was replaced without knowing it would lack what the next one has.
  await withinTime(timeoutMs, caller, { readOnly: true, modules: sql }, (over) =>
    confirmedPrimary(node, over),
  );
  return reply('no', null, node.appliedPosition());

  function reply(applied: 'yes' | 'no' | 'unknown', recordedAt: string | null, position: Position) {
    return {
      kind: 'json' as const,
      body: {
        key,
        applied,
        recordedAt,
        position: formatPosition(position),
        node: node.name,
        role: node.role(),
        epoch: node.epoch(),
      },
      headers: { 'x-skein-position': formatPosition(position) },
    };
  }
}

async function confirmedPrimary(node: NodeView, over: Cancellation): Promise<void> {
  try {
    await unlessCancelled(node.confirmPrimary({ signal: over.signal }), over);
  } catch (error) {
    const why = error === CANCELLED ? 'no quorum answered in time' : messageOf(error);
    throw new ApiError(503, 'NO_QUORUM', `This node cannot confirm that it is still the primary: ${why}.`, {
      retryable: true,
    });
  }
}

async function firstFound(names: readonly string[], { sql }: HandlerModules): Promise<FoundOutcome> {
  const found = await Promise.all(names.map((name) => sql.outcomes.find(name)));
  return found.find((one) => typeof one === 'object') ?? found.find((one) => one === 'committing') ?? 'none';
}
