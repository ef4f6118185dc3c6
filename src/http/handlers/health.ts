import type { NodeView, Readiness } from '../../api/node-view.js';
import type { Handler } from './context.js';
import type { HandlerReply } from './reply.js';

const identity = (node: NodeView) => ({ node: node.name, cluster: node.cluster });

function state(node: NodeView, ready: Readiness, ok: boolean, reason: string | null): HandlerReply {
  const { role, state, lagMs } = ready;
  return {
    kind: 'json',
    status: ok ? 200 : 503,
    body: { ...identity(node), role, state, lagMs, reason },
  };
}

export const handleHealth: Handler = (_request, { node }) => ({
  kind: 'json',
  body: { status: 'ok', ...identity(node) },
});

export const handleReady: Handler = async (_request, { node, tokens }) => {
  const ready = node.ready();
  if (ready.ok && !tokens.loaded) {
    // At once, not at the next timer: the start of a cluster waits for this answer.
    await tokens.refresh();
    if (!tokens.loaded) return state(node, ready, false, 'The tokens have not been read yet.');
  }
  return state(node, ready, ready.ok, ready.reason);
};

export const handlePrimary: Handler = (_request, { node }) => {
  const ready = node.ready();
  if (ready.role !== 'primary') return state(node, ready, false, `this node is a ${ready.role}`);
  const openness = node.isOpen();
  return openness.open ? state(node, ready, true, null) : state(node, ready, false, openness.reason);
};

export const handleReplica: Handler = (request, { node }) => {
  const ready = node.ready();
  if (ready.role === 'witness') return state(node, ready, false, 'this node is a witness: it has no server');
  if (ready.role !== 'replica') return state(node, ready, false, 'this node is the primary');
  if (!ready.ok) return state(node, ready, false, ready.reason);
  const maxLagMs = request.query.maxLagMs as number | undefined;
  if (maxLagMs !== undefined && (ready.lagMs === null || ready.lagMs > maxLagMs)) {
    const lag = ready.lagMs === null ? 'its lag is not known' : `it is ${ready.lagMs} ms behind`;
    return state(node, ready, false, `${lag}; the request allows ${maxLagMs} ms`);
  }
  return state(node, ready, true, null);
};
