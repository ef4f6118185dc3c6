import type { Flavour } from '../../flavour/flavour.js';
import { positionAt } from '../../flavour/history.js';
import { messageOf, SkeinError } from '../../model/error.js';
import type { Position } from '../../model/position.js';
import type { ClusterStatus } from '../../model/status.js';
import type { Spool } from '../../spool/spool.js';
import { monotonicMs } from '../../std/clock.js';
import type { Logger } from '../../std/logger.js';
import type { Welcome } from '../../wire/messages.js';

export interface WitnessLogModules {
  readonly logger: Logger;
  readonly flavour: Pick<Flavour, 'gtidAt'>;
  readonly spool: Pick<Spool, 'end' | 'durable' | 'damage' | 'purge' | 'setCommitted'>;
  /** Empties the spool. It continues after this position. Before records may come on a link. */
  beginAfter(position: Position): Promise<void>;
  /** The same while a link stands: it is closed first, and dialled again afterwards. */
  beginAnewAfter(position: Position): Promise<void>;
}

/** The disk of a witness is full: it takes no records, see LOG_HELD_HEARTBEATS. */
export function logHeld(reason: string): SkeinError {
  return new SkeinError('LOG_HELD', `This witness takes no records: ${reason}`);
}

/** Pause between two purges of the spool. */
const PURGE_MS = 5_000;

/**
 * How much of the log a witness keeps. It has no server that could have executed the log, so what decides is what the nodes
 * with a server have: the witness may be the only one that can give them the rest (docs/elections.md).
 */
export class WitnessLog {
  readonly #modules: WitnessLogModules;
  /** Where its log may begin: committed, as the primary of this epoch said. */
  #committed: Position | null = null;
  #purgedAtMs = Number.NEGATIVE_INFINITY;

  constructor(modules: WitnessLogModules) {
    this.#modules = modules;
  }

  /**
   * A primary has welcomed this node, whose log was cut to the primary's. A new witness needs nothing of what is committed: a
   * majority has that without it (rule E12).
   */
  async welcomed({ chain, committedOrdinal: ordinal }: Welcome): Promise<void> {
    const { flavour, spool, beginAfter } = this.#modules;
    this.#committed = ordinal === 0 ? null : positionAt(chain, ordinal, flavour);
    if (spool.end.ordinal > 0 || this.#committed === null) return;
    await beginAfter(this.#committed);
    spool.setCommitted(ordinal);
  }

  /**
   * The primary's log begins after the end of this one, so nothing can continue it. What was committed up to now is on a majority
   * of which this node is no part, and so is whatever this log has: it begins anew (rule E12).
   */
  logPurged(reason: string): void {
    const { logger, spool, beginAnewAfter } = this.#modules;
    const at = this.#committed;
    if (at === null || at.ordinal <= spool.end.ordinal) return;
    logger.warn({ reason, from: spool.end, at }, 'the log of this witness begins anew');
    beginAnewAfter(at).catch((error: unknown) => {
      logger.warn({ reason: messageOf(error) }, 'the log of this witness did not begin anew');
    });
  }

  /** The primary of this epoch has sent its status. */
  told(status: ClusterStatus, epoch: number): void {
    const { spool, logger } = this.#modules;
    const hadByAll = hadByServers(status, epoch);
    const nowMs = monotonicMs();
    if (hadByAll === null || spool.damage !== null || nowMs - this.#purgedAtMs <= PURGE_MS) return;
    this.#purgedAtMs = nowMs;
    spool.purge(Math.min(hadByAll, spool.durable.ordinal) + 1).catch((error: unknown) => {
      logger.warn({ reason: messageOf(error) }, 'purging the spool failed');
    });
  }
}

/**
 * Ordinal up to which every member with a server has the log on its disk. A member that is away counts with what it had when it
 * was last attached in this epoch: before that its log may end in records that the cluster's does not have. Null = not known.
 */
export function hadByServers({ epoch: told, members }: ClusterStatus, epoch: number): number | null {
  // What an older primary counted says nothing about the logs that were cut since then.
  if (told !== epoch) return null;
  // A learner that is away counts in no acknowledgement, so nothing of it rests on this log: it is fed by a node with a server, or
  // filled from one.
  const needs = members.filter(({ witness, voter, state }) => !witness && (voter || state !== 'gone'));
  const durable = needs.map(({ positions }) => positions.durable);
  return durable.length === 0 ? null : Math.min(...durable);
}
