import type { Spool } from '../spool/spool.js';

export function describeDamage(spool: Pick<Spool, 'damage'>): string {
  return `The spool of this node is damaged: ${spool.damage?.reason ?? 'unknown'}. It does not count in the quorum.`;
}
