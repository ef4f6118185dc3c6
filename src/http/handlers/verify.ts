import { ApiError, notPrimary } from '../../api/api-error.js';
import type { NodeView } from '../../api/node-view.js';
import { isSkeinError } from '../../model/error.js';
import type { Handler } from './context.js';

export const handleGetVerify: Handler = async (_request, { node }) => {
  requirePrimary(node);
  return { kind: 'json', body: await node.verify() };
};

export const handleStartVerify: Handler = async (request, { node }) => {
  requirePrimary(node);
  const {
    database,
    table,
    repair = false,
  } = request.body as {
    database?: string;
    table?: string;
    repair?: boolean;
  };
  if ((database === undefined) !== (table === undefined))
    throw new ApiError(400, 'INVALID_FIELD', '"database" and "table" name one table together.');
  const only = database === undefined || table === undefined ? null : { schema: database, name: table };
  try {
    const round = await node.startVerify({ only, repair });
    return { kind: 'json', status: 202, body: round, facts: { verify: round.only ?? 'all', repair } };
  } catch (error) {
    if (isSkeinError(error) && error.code === 'VERIFY_RUNNING')
      throw new ApiError(409, 'VERIFY_RUNNING', error.message);
    if (isSkeinError(error) && error.code === 'NOT_OPEN')
      throw new ApiError(503, 'NOT_OPEN', error.message, { retryable: true });
    throw error;
  }
};

export const handleCancelVerify: Handler = async (_request, { node }) => {
  requirePrimary(node);
  return { kind: 'json', body: { cancelled: await node.cancelVerify() } };
};

function requirePrimary(node: NodeView): void {
  if (node.role() === 'primary') return;
  const primary = node.primaryHttp();
  throw notPrimary(
    primary,
    primary === null
      ? 'This node is not the primary, and no primary is known now. The primary compares rows.'
      : `This node is not the primary. Rows are compared by the primary at ${primary}.`,
  );
}
