import { isSkeinError, messageOf } from '../../model/error.js';
import type { LocalServerUp } from '../local-server.js';
import { isOnlyVoter } from '../only-voter.js';
import type { NodeParts } from '../role-node.js';
import { levelFormer } from './level-former.js';
import { rejoinFormer } from './rejoin-former.js';

export interface FormerServerModules {
  /** This node follows a primary: its log is cut to that one's chain. */
  follows(): boolean;
  /** The server is a replica's now. */
  isReplica(up: LocalServerUp): Promise<void>;
  readonly signal: AbortSignal;
}

/** A server that was open as the primary: it waits until the log of a new epoch shows whether it may go on. */
export class FormerServer {
  readonly #parts: NodeParts;
  readonly #modules: FormerServerModules;
  /** Null = there is none. */
  up: LocalServerUp | null = null;

  constructor(parts: NodeParts, modules: FormerServerModules) {
    this.#parts = parts;
    this.#modules = modules;
  }

  async take(up: LocalServerUp): Promise<void> {
    this.up = up;
    if (isOnlyVoter(this.#parts)) await this.#level();
    this.judge();
  }

  /** What becomes of it, once this node follows another primary. */
  judge(): void {
    const { up } = this;
    if (up === null || !this.#modules.follows()) return;
    void rejoinFormer(up, this.#parts)
      .then(async (isReplica) => {
        if (!isReplica || this.up !== up) return;
        this.up = null;
        await this.#modules.isReplica({ ...up, adopted: true, crashed: false });
      })
      .catch((error: unknown) => {
        const data = { reason: messageOf(error) };
        this.#parts.logger.warn(data, 'the server of a former primary did not become a replica');
      });
  }

  async #level(): Promise<void> {
    const { election, events, config, kill } = this.#parts;
    try {
      await levelFormer(this.#parts, this.#modules.signal);
      election?.isLevel();
    } catch (error) {
      if (!isSkeinError(error, 'SERVER_STILL_OPEN')) throw error;
      events.add('fence', config.name, `The node kills the server and starts it again. ${error.message}`);
      await kill(error.message);
    }
  }
}
