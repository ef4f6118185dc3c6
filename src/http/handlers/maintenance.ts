import { ApiError } from '../../api/api-error.js';
import { isSkeinError } from '../../model/error.js';
import type { Handler } from './context.js';

export const handleMaintenance: Handler = async (request, { node }) => {
  const name = request.params.name ?? '';
  const { on } = request.body as { on: boolean };
  if (name !== node.name)
    throw new ApiError(
      421,
      'OTHER_NODE',
      `This is ${node.name}. Only ${name} itself begins or ends its maintenance: ask it at its own address.`,
    );
  try {
    await node.setMaintenance(on);
  } catch (error) {
    if (isSkeinError(error) && error.code === 'FAILOVER_FIXED')
      throw new ApiError(409, 'FAILOVER_FIXED', error.message);
    throw error;
  }
  return { kind: 'json', body: { node: name, maintenance: on }, facts: { maintenance: on } };
};
