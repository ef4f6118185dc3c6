import { ApiError } from '../../api/api-error.js';
import type { NodeView } from '../../api/node-view.js';
import type { Handler } from './context.js';

export const handleStatements: Handler = async (_request, { node }) => {
  refuseClosed(node);
  return { kind: 'json', body: { node: node.name, statements: await node.statements() } };
};

export const handleEndStatement: Handler = async (request, { node }) => {
  refuseClosed(node);
  const id = Number(request.params.id);
  const meant = (await node.statements()).find((statement) => statement.id === id);
  if (!meant)
    throw new ApiError(
      404,
      'NO_STATEMENT',
      `${node.name} executes no statement ${id} of a client: it has ended, or another node executes it.`,
    );
  const refusal = await node.endStatement(id);
  if (refusal !== null) throw new ApiError(409, 'COMMIT_WAITS', refusal);
  return {
    kind: 'json',
    body: { node: node.name, id },
    facts: { endedStatement: id, endedSession: meant.session, endedAccount: meant.account },
  };
};

function refuseClosed(node: NodeView): void {
  const openness = node.isOpen();
  // A primary without its quorum is asked too: what waits there is what people want to see.
  if (openness.open || openness.code === 'NO_QUORUM') return;
  throw new ApiError(openness.code === 'WITNESS' ? 421 : 503, openness.code, openness.reason, {
    retryable: openness.code !== 'WITNESS',
  });
}
