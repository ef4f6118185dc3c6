import { isSkeinError, messageOf } from '../../model/error.js';
import { sleep } from '../../std/timing.js';
import type { DefinitionsQuery, DefinitionsReply } from '../../wire/messages.js';
import { levelFormer } from '../level-former.js';
import type { LocalServerUp } from '../local-server.js';
import { isOnlyVoter } from '../only-voter.js';
import type { NodeParts } from '../role-node.js';
import { PrimaryDefinitions } from './primary-definitions.js';
import { type RejoinModules, rejoinFormer } from './rejoin-former.js';

const RETRY_MS = 2_000;
/** Until the end of a link is known here too. */
const LATER_MS = 50;

export interface FormerServerModules extends Pick<RejoinModules, 'signal' | 'committed'> {
  /** Asks the primary; see `defined`. False: the link to it is down. */
  ask(query: DefinitionsQuery): boolean;
  /** The server is a replica's now. */
  isReplica(up: LocalServerUp): Promise<void>;
}

/** A server that was open as the primary: it waits until the log of a new epoch shows whether it may go on. */
export class FormerServer {
  readonly #parts: NodeParts;
  readonly #modules: FormerServerModules;
  readonly #definitions: PrimaryDefinitions;
  /** How many links to a primary have been up. */
  #links = 0;
  /** There is one now: this node's log is cut to that primary's chain. */
  #follows = false;
  /** Null = there is none. */
  up: LocalServerUp | null = null;
  /** The server that was taken last has not ended. */
  #runs = false;
  /** The server that is being judged now. */
  #judged: LocalServerUp | null = null;
  /** The server that was closed in order on an earlier link, and the end of its log; null = there is none. */
  #closed: { readonly up: LocalServerUp; readonly at: string } | null = null;
  /** What changes the server or the mark now. */
  #changing: Promise<unknown> = Promise.resolve();
  /** Why the server of the only voter cannot be opened; null = nothing is known against it. */
  #trouble: string | null = null;

  constructor(parts: NodeParts, modules: FormerServerModules) {
    this.#parts = parts;
    this.#modules = modules;
    this.#definitions = new PrimaryDefinitions((query) => modules.ask(query));
  }

  /** Why the server serves nobody, for people; null = there is no such server. */
  get reason(): string | null {
    if (this.up === null) return null;
    if (this.#trouble !== null) return this.#trouble;
    return `The server of this node was open as the primary of epoch ${this.#parts.openMark.epoch}. ${this.#judged === null ? 'It waits for the primary of a newer epoch.' : 'It is compared with its log and with the primary.'}`;
  }

  async take(up: LocalServerUp): Promise<void> {
    this.up = up;
    this.#runs = true;
    if (isOnlyVoter(this.#parts)) await this.#level();
    this.#judgeIt();
  }

  linkUp(): void {
    this.#links++;
    this.#follows = true;
    this.#judgeIt();
  }

  linkDown(): void {
    this.#follows = false;
    this.#definitions.linkEnded();
  }

  /** The primary has answered. */
  defined(reply: DefinitionsReply): void {
    this.#definitions.answered(reply);
  }

  serverDown(): void {
    this.up = null;
    this.#runs = false;
  }

  /** After the signal: resolves when nothing changes the server here any more. */
  async ended(): Promise<void> {
    await this.#changing;
  }

  /** What becomes of it, once this node follows another primary. */
  #judgeIt(): void {
    const { up } = this;
    if (up === null || this.#judged === up || !this.#follows || this.#parts.seeding.isRunning) return;
    this.#judged = up;
    void this.#judge(up)
      .catch((error: unknown) => {
        if (this.up !== up || this.#modules.signal.aborted) return;
        const data = { reason: messageOf(error) };
        this.#parts.logger.warn(data, 'the server of a former primary did not become a replica');
      })
      .finally(() => {
        if (this.#judged === up) this.#judged = null;
      });
  }

  async #judge(up: LocalServerUp): Promise<void> {
    while (this.#follows) {
      const link = this.#links;
      const rejoined = await rejoinFormer(up, this.#parts, {
        signal: this.#modules.signal,
        committed: () => this.#modules.committed(),
        ask: (objects) => this.#definitions.ask(objects),
        follows: () => this.up === up && this.#follows && this.#links === link,
        change: (work) => this.#change(work),
        closedAt: this.#closed?.up === up ? this.#closed.at : null,
      });
      if (this.up !== up) return;
      if (rejoined.kind === 'later' && rejoined.closedAt !== undefined)
        this.#closed = { up, at: rejoined.closedAt };
      if (rejoined.kind === 'replica') {
        this.up = null;
        await this.#give({ ...up, adopted: true, crashed: rejoined.hasDied });
        return;
      }
      if (rejoined.kind === 'replaced') return;
      await sleep(LATER_MS, this.#modules.signal);
    }
  }

  #change<T>(work: () => Promise<T>): Promise<T> {
    this.#modules.signal.throwIfAborted();
    const done = work();
    this.#changing = done.catch(() => {});
    return done;
  }

  /** Until the replica has taken it, or it has ended. */
  async #give(up: LocalServerUp): Promise<void> {
    const { isReplica, signal } = this.#modules;
    while (this.#runs) {
      try {
        await isReplica(up);
        return;
      } catch (error) {
        this.#parts.logger.warn({ reason: messageOf(error) }, 'the replica could not take its server');
        await sleep(RETRY_MS, signal);
      }
    }
  }

  async #level(): Promise<void> {
    const { election, events, config, kill } = this.#parts;
    try {
      await levelFormer(this.#parts, this.#modules.signal);
      this.#trouble = null;
      election.isLevel();
    } catch (error) {
      this.#trouble = messageOf(error);
      if (!isSkeinError(error, 'SERVER_STILL_OPEN')) throw error;
      events.add('fence', config.name, `The node kills the server and starts it again. ${error.message}`);
      await kill(error.message);
    }
  }
}
