/** Which node gives the snapshot. Pure. */

export interface DonorFacts {
  readonly name: string;
  readonly role: 'primary' | 'replica';
  /** Live, its server up and applying, and not being seeded itself. Null = nothing is known of it. */
  readonly isHealthy: boolean | null;
  /** Ordinal. */
  readonly applied: number;
}

/**
 * The nodes to ask, best first: healthy replicas (what they show is committed, and no client writes there), the newest
 * before the others; then the primary; then nodes of which nothing is known, which answer for themselves. A snapshot that
 * ends before `fromOrdinal` is of no use.
 */
export function donorsInOrder<D extends DonorFacts>(donors: readonly D[], fromOrdinal: number): D[] {
  const rank = ({ isHealthy, role }: D) => (isHealthy === null ? 2 : role === 'replica' ? 0 : 1);
  return donors
    .filter(({ isHealthy, applied }) => isHealthy === null || (isHealthy === true && applied >= fromOrdinal))
    .sort((a, b) => rank(a) - rank(b) || b.applied - a.applied);
}
