/** What is offered to whom. A node decides by itself; what it would refuse is not offered. Pure. */
import type { ClusterStatus, Member, Token } from '../../../client/src/index.js';
import { memberOf } from './status.js';

export type Role = Token['role'];

export type MemberAction = 'maintenance-on' | 'maintenance-off' | 'reseed' | 'cancel-reseed' | 'remove';

/** Phases in which the old data is not being replaced yet. */
const CANCELLABLE = new Set(['choosing', 'transferring', 'preparing', 'waiting', 'backing-off']);

/** Names of the members that orders of this page reach. */
type Reach = ReadonlySet<string>;

/** Changes of the list of members and comparisons are asked of the primary. */
export function mayAskPrimary(role: Role, { primary }: ClusterStatus, reach: Reach): boolean {
  return role === 'admin' && primary !== null && reach.has(primary);
}

/** A switchover is asked of the primary. */
export function maySwitchOver(role: Role, status: ClusterStatus, reach: Reach): boolean {
  return mayAskPrimary(role, status, reach) && targetsOf(status).length > 0;
}

/** Who may be named as the next primary; whether it is fit is for the dry run to tell. */
export const targetsOf = ({ members, primary }: ClusterStatus): readonly Member[] =>
  members.filter(({ name, witness, voter }) => name !== primary && !witness && voter);

/** What may be ordered about a member: its removal of the primary, the rest of itself. */
export function actionsOf(
  role: Role,
  member: Member,
  status: ClusterStatus,
  reach: Reach,
): readonly MemberAction[] {
  const own = ownActionsOf(role, member, reach);
  const isRemovable = member.name !== status.primary && mayAskPrimary(role, status, reach);
  return isRemovable ? [...own, 'remove'] : own;
}

function ownActionsOf(role: Role, member: Member, reach: Reach): MemberAction[] {
  if (role !== 'admin' || !reach.has(member.name)) return [];
  const actions: MemberAction[] = [member.maintenance ? 'maintenance-off' : 'maintenance-on'];
  if (member.role !== 'replica' || member.witness) return actions;
  const phase = member.seeding?.phase ?? 'idle';
  if (phase === 'idle') actions.push('reseed');
  else if (CANCELLABLE.has(phase)) actions.push('cancel-reseed');
  return actions;
}

/** Where the SQL of a page goes. Null: everything works here. */
export function sqlNotice(
  status: ClusterStatus,
  self: string,
): { readonly text: string; readonly primary: Member | null } | null {
  const me = memberOf(status, self);
  if (!me || me.role === 'primary') return null;
  const text = me.witness
    ? `${self} is a witness: it has no database server, so no statement works here.`
    : `${self} is a replica: reads work here, writes do not.`;
  return { text, primary: memberOf(status, status.primary) };
}
