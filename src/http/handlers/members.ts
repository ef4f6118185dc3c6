import { ApiError } from '../../api/api-error.js';
import type { NodeView } from '../../api/node-view.js';
import { type MemberPlace, placeFault } from '../../model/members.js';
import { changeMembers } from '../change-members.js';
import type { Handler } from './context.js';
import type { HandlerReply } from './reply.js';

export const handleListMembers: Handler = async (_request, { node }) => listOf(node);

export const handleAddMember: Handler = async (request, { node }) => {
  const member = request.body as MemberPlace;
  const fault = placeFault(member);
  if (fault !== null) throw new ApiError(400, 'INVALID_FIELD', `The member cannot be added: ${fault}.`);
  await changeMembers(node, () => node.addMember(member));
  return listOf(node, { addedMember: member.name });
};

export const handleRemoveMember: Handler = async (request, { node }) => {
  const name = request.params.name ?? '';
  await changeMembers(node, () => node.removeMember(name));
  return listOf(node, { removedMember: name });
};

async function listOf(node: NodeView, facts: Record<string, unknown> = {}): Promise<HandlerReply> {
  return { kind: 'json', body: await node.members(), facts };
}
