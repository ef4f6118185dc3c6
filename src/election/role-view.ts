import type { ElectionRole, ElectionState } from './state.js';

/** What this node is in the election, for roles and status. */
export interface RoleView {
  readonly kind: ElectionRole['kind'];
  /** The primary of the epoch, this node included; null = none is known. */
  readonly leader: string | null;
  /** The newest epoch that this node has promised. */
  readonly epoch: number;
  /** As the primary: the server may be open for clients. */
  readonly isServing: boolean;
  /** As the primary: no majority answers. */
  readonly isSuspended: boolean;
  /** As the primary: who takes over; itself = it begins another epoch. */
  readonly transferTo: string | null;
}

export const NO_ROLE: RoleView = {
  kind: 'follower',
  leader: null,
  epoch: 0,
  isServing: false,
  isSuspended: false,
  transferTo: null,
};

export function roleView(node: string, { role, promise }: ElectionState): RoleView {
  const { kind } = role;
  const epoch = promise.promisedEpoch;
  if (role.kind === 'follower') return { ...NO_ROLE, kind, epoch, leader: role.leader?.name ?? null };
  if (role.kind !== 'leader') return { ...NO_ROLE, kind, epoch };
  const { isServing, isSuspended, transfer } = role;
  return { kind, epoch, leader: node, isServing, isSuspended, transferTo: transfer?.to ?? null };
}

export function isSameRole(a: RoleView, b: RoleView): boolean {
  return (Object.keys(a) as (keyof RoleView)[]).every((key) => a[key] === b[key]);
}
