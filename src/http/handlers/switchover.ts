import { ApiError, notPrimary } from '../../api/api-error.js';
import { isSkeinError } from '../../model/error.js';
import type { Handler } from './context.js';

export const handleSwitchover: Handler = async (request, { node }) => {
  const { to = null, dryRun = false } = request.body as { to?: string; dryRun?: boolean };
  try {
    const done = await node.switchover({ to, dryRun });
    return { kind: 'json', body: done, facts: { switchoverTo: done.to, dryRun, epoch: done.epoch } };
  } catch (error) {
    throw refusalOf(error, node.primaryHttp());
  }
};

function refusalOf(error: unknown, primary: string | null): unknown {
  if (!isSkeinError(error)) return error;
  const { code, message } = error;
  switch (code) {
    case 'NOT_PRIMARY':
      return notPrimary(primary, `${message} Only the primary hands over.`);
    case 'ALREADY_PRIMARY':
    case 'NO_TARGET':
    case 'TRANSFER_RUNNING':
      return new ApiError(409, code, message);
    case 'SWITCHOVER_FAILED':
      return new ApiError(503, code, message, { retryable: true });
    case 'SWITCHOVER_UNFINISHED':
      return new ApiError(503, code, message, { applied: 'unknown' });
    default:
      return error;
  }
}
