import { ORIGIN, type Position } from '../../src/model/position.js';

/**
 * One transaction group as the simulation knows it. It is its own position. `value` is its hidden content: two groups with
 * the same epoch and ordinal and different values are a divergence that no node can see.
 */
export interface Group extends Position {
  readonly value: number;
}

export function groupOf(epoch: number, ordinal: number, value: number): Group {
  return { epoch, ordinal, gtid: `0-${epoch}-${ordinal}`, value };
}

/** What a node's log is to the simulation: the in-memory model, or the real spool on a simulated disk. */
export interface NodeLog {
  /** All groups, durable or not; the one with ordinal n is at n - 1. */
  readonly groups: readonly Group[];
  /** Ordinal up to which they are on the disk. */
  readonly durable: number;
  /** Continues at the end. */
  append(group: Group): void;
  /** Drops what comes after, durably. Nothing is appended meanwhile. */
  cut(after: Position, done: () => void): void;
  /** No write is under way. */
  whenIdle(done: () => void): void;
  /** The process ends, or the power; the log as it is found then. */
  crash(how: 'kill' | 'power', found: (log: NodeLog) => void): void;
}

export function durablePosition(log: NodeLog): Position {
  return log.groups[log.durable - 1] ?? ORIGIN;
}

export function endPosition(log: NodeLog): Position {
  return log.groups.at(-1) ?? ORIGIN;
}
