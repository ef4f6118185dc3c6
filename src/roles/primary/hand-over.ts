import type { EventLog } from '../../events/event-log.js';
import { isSkeinError, messageOf } from '../../model/error.js';
import { ORIGIN, type Position } from '../../model/position.js';
import type { Flavour } from '../../mysql-protocol/flavour.js';
import type { Spool } from '../../spool/spool.js';
import { monotonicMs } from '../../std/clock.js';
import type { Logger } from '../../std/logger.js';
import { sleep } from '../../std/timing.js';
import type { Epochs } from '../epochs.js';
import type { LocalControl } from '../local-server.js';
import { type ClosingEvent, type ClosingStep, closingStep } from './closing.js';
import type { ReplicaSet } from './replica-set.js';

export interface HandOverModules {
  readonly logger: Logger;
  readonly events: EventLog;
  readonly flavour: Flavour;
  readonly spool: Spool;
  readonly epochs: Epochs;
  readonly replicas: ReplicaSet;
  control(): LocalControl;
  /** Whether the server runs. */
  isUp(): boolean;
  /** Resolves when the connections of clients are cut. */
  cutClients(): Promise<void>;
  /** A server id that the server never had. */
  newServerId(): Promise<number>;
  /** Ends dumps, sessions of replicas, and waiting requests. */
  endSessions(reason: string): void;
  /** SIGKILL (rule C1); resolves when the process has ended. */
  kill(reason: string): Promise<void>;
}

/** Running statements, and commits that wait for a replica, usually end within milliseconds. */
const CLOSING_MAX_MS = 30_000;
/** A replica that applies a large transaction may need this long. When the time is over nothing is lost, see closing.ts. */
const TARGET_MAX_MS = 30_000;
const POLL_MS = 20;
const GIVEN_UP = 'This node gives up its role.';

export interface HandOverOptions {
  readonly node: string;
  readonly closingMaxMs?: number;
  readonly targetMaxMs?: number;
}

/** Turns an open primary's server into a replica's, step by step; see closing.ts. The ports are already closed. */
export class HandOver {
  readonly #options: HandOverOptions;
  readonly #modules: HandOverModules;
  #step: ClosingStep = 'writes';
  #logEnd: Position = ORIGIN;

  constructor(options: HandOverOptions, modules: HandOverModules) {
    this.#options = options;
    this.#modules = modules;
  }

  /** Resolves when the server is a replica's, or has ended. `to`: the next primary; null = not known. */
  async run(to: string | null): Promise<void> {
    const { logger, events, kill } = this.#modules;
    const { closingMaxMs = CLOSING_MAX_MS, targetMaxMs = TARGET_MAX_MS } = this.#options;
    const beganMs = monotonicMs();
    let why = '';
    await this.#modules.cutClients();
    while (this.#step !== 'ended' && this.#step !== 'killed') {
      const step = this.#step;
      const limitMs = step === 'target' ? monotonicMs() + targetMaxMs : beganMs + closingMaxMs;
      const event = await this.#try(to, limitMs).catch((error: unknown): ClosingEvent => {
        why = messageOf(error);
        return 'failed';
      });
      if (event === 'late' && step === 'target')
        events.add(
          'replication.error',
          this.#options.node,
          `${to} has not applied all transactions within ${targetMaxMs / 1000} s. The role is handed over without waiting for it.`,
          { code: 'HANDOVER_INCOMPLETE' },
        );
      this.#step = closingStep(step, event);
      if (event === 'failed' && this.#step === step) await sleep(POLL_MS);
      logger.debug({ step, event, why }, 'handing over');
    }
    this.#modules.endSessions(GIVEN_UP);
    if (this.#step === 'killed') {
      const reason = `commits could not be closed in order (${why || 'they wait for their quorum'})`;
      events.add('fence', this.#options.node, `The node kills the server and starts it again: ${reason}.`);
      await kill(reason);
    }
    const durationMs = Math.round(monotonicMs() - beganMs);
    logger.info({ to, step: this.#step, logEnd: this.#logEnd, durationMs }, 'role given up');
  }

  /** Does the work of the current step, once or until `limitMs` (monotonic). */
  async #try(to: string | null, limitMs: number): Promise<ClosingEvent> {
    const { control, epochs, replicas, spool, isUp } = this.#modules;
    if (!isUp()) return 'down';
    if (this.#step !== 'settings' && monotonicMs() > limitMs) return 'late';
    switch (this.#step) {
      case 'writes':
        try {
          await control().closeForWrites();
        } catch (error) {
          if (isSkeinError(error, 'COMMITS_WAITING')) return 'failed';
          throw error;
        }
        this.#logEnd = epochs.positionOf((await control().status()).gtidBinlogPos);
        return 'done';
      case 'log':
        return this.#until(
          () => Math.min(replicas.quorum.committed, spool.durable.ordinal) >= this.#logEnd.ordinal,
          limitMs,
        );
      case 'target':
        return this.#until(() => to === null || replicas.hasApplied(to, this.#logEnd.ordinal), limitMs);
      case 'settings':
        await this.#becomeReplica();
        return 'done';
      default:
        return 'done';
    }
  }

  async #until(done: () => boolean, limitMs: number): Promise<ClosingEvent> {
    while (!done()) {
      if (!this.#modules.isUp()) return 'down';
      if (monotonicMs() > limitMs) return 'late';
      await sleep(POLL_MS);
    }
    return 'done';
  }

  async #becomeReplica(): Promise<void> {
    const { control, newServerId, spool, endSessions } = this.#modules;
    // Then no dump is left that could acknowledge, or that semi-synchronous replication would count.
    endSessions(GIVEN_UP);
    spool.setCommitted(this.#logEnd.ordinal);
    await control().becomeReplica({ serverId: await newServerId(), position: this.#logEnd.gtid });
  }
}
