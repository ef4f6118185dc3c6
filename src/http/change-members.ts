import { ApiError, notPrimary } from '../api/api-error.js';
import type { NodeView } from '../api/node-view.js';
import { isSkeinError } from '../model/error.js';

/** Runs a change of the members, and turns a refusal into an answer. @throws ApiError 404, 409, 421, 503 */
export async function changeMembers(node: NodeView, make: () => Promise<void>): Promise<void> {
  if (node.role() !== 'primary') throw notPrimary(node.primaryHttp());
  try {
    await make();
  } catch (error) {
    if (!isSkeinError(error)) throw error;
    const { code, message } = error;
    switch (code) {
      case 'NOT_PRIMARY':
        throw notPrimary(node.primaryHttp());
      case 'MEMBER_UNKNOWN':
        throw new ApiError(404, 'NOT_FOUND', message);
      case 'MEMBER_EXISTS':
      case 'MEMBER_IS_PRIMARY':
      case 'MEMBERS_FULL':
      case 'WITNESS_TOO_MANY':
        throw new ApiError(409, code, message);
      case 'NO_QUORUM':
      case 'NOT_OPEN':
        throw new ApiError(503, code, message, { retryable: true });
      // The election refuses what another node or another change stands in the way of; its message says which.
      case 'CHANGE_REFUSED':
        throw new ApiError(503, 'NO_QUORUM', message, { retryable: true });
      case 'CHANGE_PENDING':
        throw new ApiError(503, code, message, { retryable: true, applied: 'unknown' });
      case 'ROLE_LOST':
      case 'CHANGE_INTERRUPTED':
        throw new ApiError(503, 'NOT_OPEN', message, { retryable: true, applied: 'unknown' });
      default:
        throw error;
    }
  }
}
