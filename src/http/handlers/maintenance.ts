import { ApiError } from '../../api/api-error.js';
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
  await node.setMaintenance(on);
  return { kind: 'json', body: { node: name, maintenance: on }, facts: { maintenance: on } };
};
