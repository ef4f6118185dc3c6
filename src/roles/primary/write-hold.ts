import { messageOf } from '../../model/error.js';
import type { Logger } from '../../std/logger.js';

export interface WriteHoldModules {
  readonly logger: Logger;
  /** The role is open, and is not being given up. */
  isOpen(): boolean;
  control(): { closeForWrites(): Promise<void>; writeAgain(): Promise<void> };
  changed(): void;
}

/**
 * While an open primary's disk has no room, its server is read-only: a server whose disk is full waits for room in the middle of
 * a write, for ever, and with it everything that needs the log. A refused write is a clear error, and reads go on.
 */
export class WriteHold {
  readonly #modules: WriteHoldModules;
  #reason: string | null = null;
  #isClosed = false;
  #isEnded = false;
  /** Counts runs of the server. */
  #run = 0;
  #work: Promise<void> = Promise.resolve();

  constructor(modules: WriteHoldModules) {
    this.#modules = modules;
  }

  /** Why nothing is written; null = writes are taken. */
  get reason(): string | null {
    return this.#isClosed ? this.#reason : null;
  }

  /**
   * Null: there is room again. What is not done (a commit waits for its quorum, a statement runs) is done at the next call,
   * so it is called again and again.
   */
  set(reason: string | null): Promise<void> {
    this.#work = this.#work.then(() => this.#do(reason));
    return this.#work;
  }

  /** The server has ended, or another run of it begins: it starts closed, and is opened as ever. */
  forget(): void {
    this.#run++;
    this.#isClosed = false;
    this.#reason = null;
  }

  /** From now on the server is left alone; resolves when nothing is under way. */
  end(): Promise<void> {
    this.#isEnded = true;
    return this.#work;
  }

  async #do(reason: string | null): Promise<void> {
    const { isOpen, control, logger, changed } = this.#modules;
    const wanted = reason !== null;
    if (this.#isEnded || !isOpen()) return;
    const before = this.reason;
    const run = this.#run;
    this.#reason = reason;
    try {
      if (wanted && !this.#isClosed) {
        await control().closeForWrites();
        this.#isClosed = run === this.#run;
      } else if (!wanted && this.#isClosed) {
        await control().writeAgain();
        if (run === this.#run) this.#isClosed = false;
      }
    } catch (error) {
      logger.warn(
        { reason: messageOf(error) },
        wanted ? 'writes are not refused yet, though the disk is full' : 'writes are still refused',
      );
    }
    if (this.reason !== before) changed();
  }
}
