import type { Readiness } from '../node-view.js';
import type { Handler, HandlerReply } from './context.js';

function state(ready: Readiness, ok: boolean, reason: string | null): HandlerReply {
  return {
    kind: 'json',
    status: ok ? 200 : 503,
    body: { role: ready.role, state: ready.state, lagMs: ready.lagMs, reason },
  };
}

export const handleHealth: Handler = (_request, { node }) => ({
  kind: 'json',
  body: { status: 'ok', node: node.name },
});

export const handleReady: Handler = (_request, { node }) => {
  const ready = node.ready();
  return state(ready, ready.ok, ready.reason);
};

export const handlePrimary: Handler = (_request, { node }) => {
  const ready = node.ready();
  if (ready.role !== 'primary') return state(ready, false, 'this node is a replica');
  const openness = node.isOpen();
  return openness.open ? state(ready, true, null) : state(ready, false, openness.reason);
};

export const handleReplica: Handler = (request, { node }) => {
  const ready = node.ready();
  if (ready.role !== 'replica') return state(ready, false, 'this node is the primary');
  if (!ready.ok) return state(ready, false, ready.reason);
  const maxLagMs = request.query.maxLagMs as number | undefined;
  if (maxLagMs !== undefined && (ready.lagMs === null || ready.lagMs > maxLagMs)) {
    const lag = ready.lagMs === null ? 'its lag is not known' : `it is ${ready.lagMs} ms behind`;
    return state(ready, false, `${lag}, at most ${maxLagMs} ms were asked for`);
  }
  return state(ready, true, null);
};
