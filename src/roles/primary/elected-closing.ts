import { messageOf } from '../../model/error.js';
import type { Position } from '../../model/position.js';
import type { Spool } from '../../spool/spool.js';
import { monotonicMs } from '../../std/clock.js';
import type { Logger } from '../../std/logger.js';
import { sleep } from '../../std/timing.js';
import type { Epochs } from '../epochs.js';
import type { LocalControl } from '../local-server.js';
import type { OpenMark } from '../open-mark.js';

export interface ElectedClosingModules {
  readonly logger: Logger;
  readonly epochs: Epochs;
  readonly spool: Pick<Spool, 'end'>;
  readonly openMark: OpenMark;
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

/** Clients' statements usually end within milliseconds. What takes longer than this is ended with the server. */
const DRAIN_MAX_MS = 10_000;
/** A deposed primary waits for nobody: what a client has under way can no longer be acknowledged. */
const CLOSE_MAX_MS = 1_000;
const POLL_MS = 10;

/** Ends the writing on the server of an elected primary: in order before another node takes over, or at once. */
export class ElectedClosing {
  readonly #modules: ElectedClosingModules;
  /** End of the drained server's log; null = the server was not drained. */
  #end: Position | null = null;

  constructor(modules: ElectedClosingModules) {
    this.#modules = modules;
  }

  /** Refuses writes and reads the log to its end. Resolves with the last ordinal of this epoch; never rejects. */
  async drain(): Promise<number> {
    const { spool, isUp, cutClients } = this.#modules;
    const untilMs = monotonicMs() + DRAIN_MAX_MS;
    await cutClients();
    const end = await this.#closeUntil(untilMs);
    while (end !== null && isUp() && spool.end.ordinal < end.ordinal && monotonicMs() < untilMs)
      await sleep(POLL_MS);
    this.#end = end;
    return Math.max(spool.end.ordinal, end?.ordinal ?? 0);
  }

  /** The lead is kept after all: clients may write again. */
  async undrain(): Promise<void> {
    const { control, isUp, logger } = this.#modules;
    const wasDrained = this.#end !== null;
    this.#end = null;
    if (!wasDrained || !isUp()) return;
    await control()
      .writeAgain()
      .catch((error: unknown) =>
        logger.error({ reason: messageOf(error) }, 'the server does not take writes again'),
      );
  }

  /** The ports are closed. Resolves when the server is a replica's, or has ended. */
  async close(): Promise<void> {
    const { control, isUp, newServerId, openMark, kill, cutClients } = this.#modules;
    await cutClients();
    if (!isUp()) return;
    const end = this.#end ?? (await this.#closeUntil(monotonicMs() + CLOSE_MAX_MS));
    if (end === null || !isUp()) return;
    try {
      await control().becomeReplica({ serverId: await newServerId(), position: end.gtid });
      await openMark.clear();
    } catch (error) {
      await kill(`it could not be closed in order (${messageOf(error)})`);
    }
  }

  /** Null: the server has ended, or was killed because it could not be closed in time. */
  async #closeUntil(untilMs: number): Promise<Position | null> {
    const { control, epochs, isUp, kill } = this.#modules;
    let reason = '';
    while (isUp()) {
      try {
        await control().closeForWrites();
        return epochs.positionOf((await control().status()).gtidBinlogPos);
      } catch (error) {
        reason = messageOf(error);
      }
      if (monotonicMs() > untilMs) {
        await kill(`it could not be closed in order (${reason})`);
        return null;
      }
      await sleep(POLL_MS);
    }
    return null;
  }
}
