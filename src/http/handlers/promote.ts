import { ApiError } from '../../api/api-error.js';
import { isSkeinError } from '../../model/error.js';
import type { Handler } from './context.js';

export const handlePromote: Handler = async (request, { node }) => {
  const name = request.params.name ?? '';
  const { confirm = null, withShorterLog = false } = request.body as {
    confirm?: string;
    withShorterLog?: boolean;
  };
  if (name !== node.name)
    throw new ApiError(
      421,
      'OTHER_NODE',
      `This is ${node.name}. Only ${name} itself can be told to be the primary by force: ask it at its own address.`,
    );
  try {
    const promotion = await node.promote({ confirm, withShorterLog });
    const { done, epoch, after } = promotion;
    return { kind: 'json', body: promotion, facts: { promote: name, force: true, done, epoch, after } };
  } catch (error) {
    throw refusalOf(error);
  }
};

function refusalOf(error: unknown): unknown {
  if (!isSkeinError(error)) return error;
  const { code, message } = error;
  switch (code) {
    case 'OTHER_CLUSTER':
    case 'FORCE_NOT_NEEDED':
    case 'FORCE_LOG_SHORTER':
    case 'FORCE_IMPOSSIBLE':
      return new ApiError(409, code, message);
    case 'FORCE_UNFINISHED':
      return new ApiError(503, code, message, { applied: 'unknown' });
    default:
      return error;
  }
}
