/** What is offered to whom. A node decides by itself; what it would refuse is not offered. Pure. */
import type { ClusterStatus, Member, Token } from '../../../client/src/index.js';
import { memberOf } from './status.js';

export type Role = Token['role'];

export type MemberAction = 'maintenance-on' | 'maintenance-off' | 'reseed' | 'cancel-reseed';

/** Phases in which the old data is not being replaced yet. */
const CANCELLABLE = new Set(['choosing', 'transferring', 'preparing', 'waiting', 'backing-off']);

/** A switchover is asked of the primary: the page of another node cannot do it. */
export function maySwitchOver(role: Role, status: ClusterStatus, self: string): boolean {
  return role === 'admin' && status.primary === self && targetsOf(status).length > 0;
}

/** Who may be named as the next primary; whether it is fit is for the dry run to tell. */
export const targetsOf = ({ members, primary }: ClusterStatus): readonly Member[] =>
  members.filter(({ name, witness, voter }) => name !== primary && !witness && voter);

export function actionsOf(
  role: Role,
  member: Member,
  status: ClusterStatus,
  self: string,
): readonly MemberAction[] {
  if (role !== 'admin') return [];
  const actions: MemberAction[] = [];
  // A node takes this from its own page only.
  if (member.name === self) actions.push(member.maintenance ? 'maintenance-off' : 'maintenance-on');
  // The primary passes it on to the replica.
  const reachable = member.name === self || status.primary === self;
  if (reachable && member.role === 'replica' && !member.witness) {
    const phase = member.seeding?.phase ?? 'idle';
    if (phase === 'idle') actions.push('reseed');
    else if (CANCELLABLE.has(phase)) actions.push('cancel-reseed');
  }
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
