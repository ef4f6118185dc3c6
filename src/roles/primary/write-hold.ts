import { messageOf } from '../../model/error.js';
import type { Logger } from '../../std/logger.js';

export interface WriteHoldModules {
  readonly logger: Logger;
  /** The role is open and not being given up. */
  isOpen(): boolean;
  control(): { closeForWrites(): Promise<void>; writeAgain(): Promise<void> };
  changed(): void;
}

/**
 * Makes the server of an open primary read-only while its disk is full. Otherwise the server would wait in the middle of a write
 * until the disk has space, and with it everything that needs the log. A refused write is a clear error, and reads go on.
 */
export class WriteHold {
  readonly #modules: WriteHoldModules;
  #reason: string | null = null;
  #isClosed = false;
  #isEnded = false;
  /** The server is closed for a hand-over, whatever `#reason` says. */
  #isPaused = false;
  /** Number of the server's run. */
  #run = 0;
  #work: Promise<void> = Promise.resolve();

  constructor(modules: WriteHoldModules) {
    this.#modules = modules;
  }

  /** Why writes are refused; null = writes are allowed. */
  get reason(): string | null {
    return this.#isClosed ? this.#reason : null;
  }

  /**
   * Refuses writes for this reason; null = allows writes again. An attempt may fail (a commit waits for its quorum, a statement
   * is running). So the caller repeats the call.
   */
  set(reason: string | null): Promise<void> {
    this.#work = this.#work.then(() => this.#do(reason));
    return this.#work;
  }

  /**
   * The caller closes the server itself, because it hands the role over: nothing opens it before `resume`. Resolves when no change
   * is under way.
   */
  pause(): Promise<void> {
    this.#work = this.#work.then(() => {
      this.#isPaused = true;
    });
    return this.#work;
  }

  /** The role is kept. Writes are allowed again, unless the disk is full: that may have changed since `pause`. */
  resume(): Promise<void> {
    this.#work = this.#work.then(async () => {
      this.#isPaused = false;
      this.#isClosed = true;
      await this.#do(this.#reason);
      this.#modules.changed();
    });
    return this.#work;
  }

  /** The server has ended, or another run of it begins. A new run starts closed, and is opened as usual. */
  forget(): void {
    this.#run++;
    this.#isClosed = false;
    this.#isPaused = false;
    this.#reason = null;
  }

  /** From now on nothing is changed on the server. Resolves when no change is under way. */
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
    if (this.#isPaused) return;
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
        wanted ? 'the disk is full, but writes are not refused yet' : 'writes are still refused',
      );
    }
    if (this.reason !== before) changed();
  }
}
