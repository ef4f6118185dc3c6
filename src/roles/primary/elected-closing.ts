import { messageOf } from '../../model/error.js';
import type { Position } from '../../model/position.js';
import type { Spool } from '../../spool/spool.js';
import { monotonicMs } from '../../std/clock.js';
import type { Logger } from '../../std/logger.js';
import { sleep } from '../../std/timing.js';
import type { Epochs } from '../epochs.js';
import type { LocalControl } from '../local-server.js';
import type { OpenMark } from '../open-mark.js';
import type { WriteHold } from './write-hold.js';

export interface ElectedClosingModules {
  readonly logger: Logger;
  readonly epochs: Epochs;
  readonly spool: Pick<Spool, 'end' | 'committed'>;
  readonly openMark: OpenMark;
  readonly hold: Pick<WriteHold, 'pause' | 'resume'>;
  control(): LocalControl;
  /** Whether the server runs and was opened in this epoch. */
  isUp(): boolean;
  /** Resolves when the connections of clients are cut. */
  cutClients(): Promise<void>;
  /** A server id that the server never had (rule C10). */
  newServerId(): Promise<number>;
  /** SIGKILL (rule C1); resolves when the process has ended. */
  kill(reason: string): Promise<void>;
}

/** Clients' statements usually end within milliseconds. Nobody is served meanwhile, so the lead is kept when one takes longer. */
const DRAIN_MAX_MS = 3_000;
/** A deposed primary waits for nobody: what a client has under way can no longer be acknowledged. */
const CLOSE_MAX_MS = 1_000;
const POLL_MS = 10;

/** `down`: the server has ended. `late`: it is not closed for writes. */
type Closed =
  | { readonly kind: 'closed'; readonly end: Position }
  | { readonly kind: 'down' }
  | { readonly kind: 'late'; readonly reason: string };

/** Ends the writing on the server of an elected primary: in order before another node takes over, or at once. */
export class ElectedClosing {
  readonly #modules: ElectedClosingModules;
  /** Draining was begun, so the server may be closed for writes. */
  #isDrained = false;
  /** End of the drained server's log; null = the server was not drained. */
  #end: Position | null = null;
  /** Draining and its taking back come one after the other. */
  #work: Promise<unknown> = Promise.resolve();

  constructor(modules: ElectedClosingModules) {
    this.#modules = modules;
  }

  /**
   * Refuses writes and reads the log to its end. Resolves with the last ordinal of this epoch, or with null when writes under
   * way did not end in time; never rejects.
   */
  drain(): Promise<number | null> {
    const drained = this.#work.then(() => this.#drain());
    this.#work = drained;
    return drained;
  }

  /** The lead is kept after all: clients may write again. Resolves when they can. */
  undrain(): Promise<void> {
    const undrained = this.#work.then(() => this.#undrain());
    this.#work = undrained;
    return undrained;
  }

  async #drain(): Promise<number | null> {
    const { spool, isUp, cutClients, logger, hold } = this.#modules;
    const untilMs = monotonicMs() + DRAIN_MAX_MS;
    this.#isDrained = true;
    await hold.pause();
    const beganMs = monotonicMs();
    await cutClients();
    const cutMs = monotonicMs();
    const closed = await this.#closeUntil(untilMs);
    const closedMs = monotonicMs();
    if (closed.kind === 'late') {
      logger.warn({ reason: closed.reason }, 'writes under way do not end, so the role is not handed over');
      return null;
    }
    if (closed.kind === 'down') return spool.end.ordinal;
    while (isUp() && spool.end.ordinal < closed.end.ordinal) {
      if (monotonicMs() > untilMs) return null;
      await sleep(POLL_MS);
    }
    this.#end = closed.end;
    const times = { cut: cutMs - beganMs, close: closedMs - cutMs, log: monotonicMs() - closedMs };
    logger.info({ end: closed.end, ms: times }, 'the server is drained');
    return Math.max(spool.end.ordinal, closed.end.ordinal);
  }

  async #undrain(): Promise<void> {
    const { hold, isUp } = this.#modules;
    const wasDrained = this.#isDrained;
    this.#isDrained = false;
    this.#end = null;
    if (wasDrained && isUp()) await hold.resume();
  }

  /** The ports are closed. Resolves when the server is a replica's, or has ended. */
  async close(): Promise<void> {
    const { control, isUp, newServerId, openMark, kill, cutClients, spool } = this.#modules;
    await cutClients();
    if (!isUp()) return;
    const closed: Closed =
      this.#end === null
        ? await this.#closeUntil(monotonicMs() + CLOSE_MAX_MS)
        : { kind: 'closed', end: this.#end };
    if (closed.kind === 'late') await kill(`it could not be closed in order (${closed.reason})`);
    if (closed.kind !== 'closed' || !isUp()) return;
    try {
      await control().becomeReplica({ serverId: await newServerId(), position: closed.end.gtid });
      // With `async`, or after a killed commit, its end may not be committed: then it serves no read before it was found in the log
      // of the next epoch.
      if (closed.end.ordinal <= spool.committed()) await openMark.clear();
    } catch (error) {
      await kill(`it could not be closed in order (${messageOf(error)})`);
    }
  }

  async #closeUntil(untilMs: number): Promise<Closed> {
    const { control, epochs, isUp } = this.#modules;
    while (isUp()) {
      try {
        await control().closeForWrites();
        return { kind: 'closed', end: epochs.positionOf((await control().status()).gtidBinlogPos) };
      } catch (error) {
        if (monotonicMs() > untilMs) return { kind: 'late', reason: messageOf(error) };
      }
      await sleep(POLL_MS);
    }
    return { kind: 'down' };
  }
}
