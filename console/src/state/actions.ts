/** What is offered to whom. A node decides by itself; what it would refuse is not offered. Pure. */
import type { ClusterStatus, Member, Token } from '../../../client/src/index.js';
import { memberOf } from './status.js';

export type Role = Token['role'];

export type MemberAction = 'maintenance-on' | 'maintenance-off' | 'reseed' | 'cancel-reseed';

/** Phases in which the old data is not being replaced yet. */
const CANCELLABLE = new Set(['choosing', 'transferring', 'preparing', 'waiting', 'backing-off']);

/** Names of the members that orders of this page reach. */
type Reach = ReadonlySet<string>;

/** A switchover is asked of the primary. */
export function maySwitchOver(role: Role, status: ClusterStatus, reach: Reach): boolean {
  const { primary } = status;
  return role === 'admin' && primary !== null && reach.has(primary) && targetsOf(status).length > 0;
}

/** Who may be named as the next primary; whether it is fit is for the dry run to tell. */
export const targetsOf = ({ members, primary }: ClusterStatus): readonly Member[] =>
  members.filter(({ name, witness, voter }) => name !== primary && !witness && voter);

/** What is asked of the member itself. */
export function actionsOf(role: Role, member: Member, reach: Reach): readonly MemberAction[] {
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
