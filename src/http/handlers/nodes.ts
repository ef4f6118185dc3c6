import { ApiError } from '../../api/api-error.js';
import { isSkeinError } from '../../model/error.js';
import { callerOf, type Handler, type HandlerModules, type HandlerRequest } from './context.js';
import type { HandlerReply } from './reply.js';

export const handleReseed: Handler = (request, modules) => order(request, modules, 'start');
export const handleCancelReseed: Handler = (request, modules) => order(request, modules, 'cancel');

async function order(
  request: HandlerRequest,
  { node }: HandlerModules,
  what: 'start' | 'cancel',
): Promise<HandlerReply> {
  const name = request.params.name ?? '';
  const { tokenId } = callerOf(request);
  const reason = `An operator asked for it (token ${tokenId || 'unknown'}).`;
  try {
    await node.orderSeed({ node: name, order: what, reason });
  } catch (error) {
    throw refusalOf(error, node.primaryHttp());
  }
  return {
    kind: 'json',
    status: 202,
    body: { node: name, order: what },
    facts: { seedNode: name, seedOrder: what },
  };
}

function refusalOf(error: unknown, primary: string | null): unknown {
  if (!isSkeinError(error)) return error;
  const { code, message } = error;
  switch (code) {
    case 'NOT_PRIMARY':
      return new ApiError(421, code, message, { primary, retryable: primary !== null });
    case 'NOT_ATTACHED':
      return new ApiError(503, code, message, { retryable: true });
    case 'SEED_OF_PRIMARY':
    case 'SEED_OF_WITNESS':
    case 'NOT_SEEDING':
    case 'SEED_NOT_CANCELLABLE':
      return new ApiError(409, code, message);
    default:
      return error;
  }
}
