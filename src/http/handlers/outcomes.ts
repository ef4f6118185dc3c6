import { notPrimary } from '../../api/api-error.js';
import { formatPosition, type Position } from '../../model/position.js';
import { requireOpen, withinTime } from '../../sql/execute.js';
import { confirmStored } from '../../sql/execute-once.js';
import type { FoundOutcome } from '../../sql/outcomes.js';
import { callerOf, type Handler, type HandlerModules } from './context.js';

/** Deadline for the quorum of an outcome that was found. */
const TIMEOUT_MS = 10_000;

export const handleOutcome: Handler = async (request, modules) => {
  const { node, sql } = modules;
  const { key = '' } = request.params;
  const caller = callerOf(request);
  requireOpen(node);
  const names = (['key', 'tx'] as const).map((kind) => sql.outcomes.nameOf(kind, caller.tokenId, key));
  const running = names.some((name) => sql.outcomes.isRunning(name));
  const found = await firstFound(names, modules);
  if (typeof found === 'object') {
    const { position } = await withinTime(TIMEOUT_MS, caller, { readOnly: false, modules: sql }, (over) =>
      confirmStored(sql, over),
    );
    return reply('yes', `${found.createdAt.replace(' ', 'T')}Z`, position);
  }
  // An outcome that a replica does not have may be on the primary.
  if (node.role() !== 'primary') throw notPrimary(node.primaryHttp());
  return reply(running || found === 'committing' ? 'unknown' : 'no', null, node.appliedPosition());

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
};

async function firstFound(names: readonly string[], { sql }: HandlerModules): Promise<FoundOutcome> {
  const found = await Promise.all(names.map((name) => sql.outcomes.find(name)));
  return found.find((one) => typeof one === 'object') ?? found.find((one) => one === 'committing') ?? 'none';
}
