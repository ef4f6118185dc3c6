/** From which node a statement reads, and how new that has to be. Pure. */
import type { AnsweredBy, ClusterStatus, ReadLevel } from '../../../../client/src/index.js';
import { memberOf } from '../status.js';
import { duration } from '../text.js';

export interface Reading {
  /** Name of a member; null = the node that answers the page. */
  readonly node: string | null;
  readonly level: ReadLevel;
  /** As it was typed. */
  readonly maxLagMs: string;
  /** A position to wait for, as it was typed. */
  readonly after: string;
  readonly database: string;
}

export const READING: Reading = { node: null, level: 'session', maxLagMs: '1000', after: '', database: '' };

export const LEVELS: Readonly<Record<ReadLevel, string>> = {
  session: 'with all that this page wrote',
  local: 'what the node has, maybe old',
  bounded: 'at most so much behind',
  primary: 'what the primary has',
  linearizable: 'the same, confirmed by a quorum',
};

export interface Target {
  readonly name: string;
  readonly text: string;
}

/** Members that can be asked: they have a server, and the page reaches them. */
export function targetsOf(
  status: ClusterStatus,
  self: string,
  reach: ReadonlySet<string>,
): readonly Target[] {
  return status.members
    .filter(({ name, witness }) => !witness && name !== self && reach.has(name))
    .map(({ name, role }) => ({ name, text: `${name} (${role})` }));
}

/** A replica cannot say what the primary has. Without a primary that is known, nothing is left out. */
export function levelsOf(status: ClusterStatus | undefined, node: string): readonly ReadLevel[] {
  const all: readonly ReadLevel[] = ['session', 'local', 'bounded', 'primary', 'linearizable'];
  const isReplica = status !== undefined && memberOf(status, node)?.role === 'replica';
  return isReplica ? all.slice(0, 3) : all;
}

/** Whether the chosen node can be asked. */
export const isWithinReach = ({ node }: Reading, targets: readonly Target[], self: string): boolean =>
  node === null || node === self || targets.some(({ name }) => name === node);

/** What is wrong with a choice; null = nothing. */
export function wrongReading(reading: Reading, targets: readonly Target[], self: string): string | null {
  const { node, level, maxLagMs } = reading;
  if (!isWithinReach(reading, targets, self))
    return `${node} is not within reach of this page now. Choose another node.`;
  if (level !== 'bounded' || /^\s*\d{1,7}\s*$/.test(maxLagMs)) return null;
  return 'How much it may be behind is a whole number of milliseconds.';
}

/** `served by n2, 3 ms behind` */
export function servedText({ node, role, lagMs }: Pick<AnsweredBy, 'node' | 'role' | 'lagMs'>): string {
  if (role === 'primary') return `served by ${node}, the primary`;
  return `served by ${node}, ${lagMs === null ? 'how far behind is not known' : `${duration(lagMs)} behind`}`;
}
