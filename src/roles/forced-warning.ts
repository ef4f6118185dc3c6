import { type Chain, forcedEntry, listInForce } from '../model/chain.js';

/**
 * The promise does not hold while members are missing that voted before a primary was made by force (rule M7): what it wrote may be
 * on its disk alone. Empty = all are voters again, or nobody was forced. Pure.
 */
export function forcedWarning(chain: Chain): string[] {
  const forced = forcedEntry(chain);
  const learners = listInForce(chain).filter(({ voter }) => !voter);
  if (forced === null || learners.length === 0) return [];
  const names = learners.map(({ name }) => name).join(', ');
  return [
    `${forced.primary} was made the primary by force in epoch ${forced.epoch}, after transaction ${forced.beginsAfter.ordinal}: what was acknowledged after that before is given up. ${names} ${learners.length === 1 ? 'does' : 'do'} not count yet: start ${learners.length === 1 ? 'it' : 'them'}, or remove what is gone for good (skein remove).`,
  ];
}
