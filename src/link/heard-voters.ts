import type { ElectionMessage } from '../model/election-messages.js';
import { SkeinError } from '../model/error.js';
import type { Clock } from '../std/clock.js';
import { durationText } from '../std/duration-text.js';
import type { Logger } from '../std/logger.js';
import { decodeElection, encodeElection, type Voter } from '../wire/election-messages.js';
import { decodeProbe, encodeProbe, type FrameName } from '../wire/frames.js';
import { decodeRefuse } from '../wire/messages.js';
import type { Channel } from './channel.js';
import { HeartbeatMonitor } from './heartbeat-monitor.js';

export interface ElectionListener {
  /** `from` is the name that a peer with the secret gave. An exception ends the connection. */
  message(from: string, message: ElectionMessage): void;
}

/** The dialer probes each connection twice in a second. One that is silent for so long belongs to a node that is gone. */
const SILENCE = { intervalMs: 1000, goneAfterMs: 10_000 } as const;

export interface HeardVotersModules {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly election: ElectionListener;
}

/** The connections for elections that other members dialled. */
export class HeardVoters {
  readonly #options: { readonly node: string; readonly sessionsMax: number };
  readonly #modules: HeardVotersModules;
  readonly #sessions = new Map<string, HeardVoter>();

  constructor(options: { node: string; sessionsMax: number }, modules: HeardVotersModules) {
    this.#options = options;
    this.#modules = modules;
  }

  /**
   * Whatever epoch the peer knows: a node that missed elections learns of them here (rule E15).
   * @throws SkeinError WRONG_NODE, DUPLICATE_NODE, TOO_MANY_SESSIONS
   */
  admit({ node, to, incarnation }: Voter): void {
    if (to !== this.#options.node) {
      throw new SkeinError('WRONG_NODE', `This is ${this.#options.node}, and ${node} dialled ${to}.`);
    }
    const existing = this.#sessions.get(node);
    if (node === this.#options.node || (existing && existing.voter.incarnation !== incarnation)) {
      throw new SkeinError('DUPLICATE_NODE', `Another node with the name ${node} is already connected.`);
    }
    if (!existing && this.#sessions.size >= this.#options.sessionsMax) {
      throw new SkeinError(
        'TOO_MANY_SESSIONS',
        `${this.#options.sessionsMax} other nodes are already connected for elections.`,
      );
    }
  }

  /** After `admit`. */
  open(channel: Channel, voter: Voter, address: string): void {
    const { election, clock, logger } = this.#modules;
    // The same node dials only once at a time, so its old connection is dead.
    this.#sessions.get(voter.node)?.close('LINK_REPLACED', 'It has connected again.');
    const session: HeardVoter = new HeardVoter(channel, voter, {
      clock,
      message: (message) => election.message(voter.node, message),
      closed: ({ code, message }) => {
        if (this.#sessions.get(voter.node) === session) this.#sessions.delete(voter.node);
        logger.info({ peer: voter.node, address, code, reason: message }, 'election link ended');
      },
    });
    this.#sessions.set(voter.node, session);
    logger.info({ peer: voter.node, address }, 'election link accepted');
  }

  /** False: dropped, because that node has dialled no connection, or does not take what was sent before. */
  send(to: string, message: ElectionMessage): boolean {
    return this.#sessions.get(to)?.send(message) ?? false;
  }

  close(reason: string): void {
    for (const session of [...this.#sessions.values()]) session.close('LINK_ENDED', reason);
  }
}

interface HeardVoterModules {
  readonly clock: Clock;
  message(message: ElectionMessage): void;
  closed(error: SkeinError): void;
}

class HeardVoter {
  readonly voter: Voter;
  readonly #channel: Channel;
  readonly #modules: HeardVoterModules;
  readonly #silence: HeartbeatMonitor;

  constructor(channel: Channel, voter: Voter, modules: HeardVoterModules) {
    this.voter = voter;
    this.#channel = channel;
    this.#modules = modules;
    this.#silence = new HeartbeatMonitor(SILENCE, {
      clock: modules.clock,
      beat: () => {},
      heardAtMs: () => channel.heardAtMs,
      listening: () => true,
      silent: (silentMs) =>
        this.close('LINK_SILENT', `No data from ${voter.node} for ${durationText(silentMs)}.`),
    });
    channel.handOver(['election', 'probe', 'refuse'], {
      frame: (name, payload) => this.#frame(name, payload),
      closed: (error) => {
        this.#silence.stop();
        modules.closed(error);
      },
    });
    this.#silence.start();
  }

  send(message: ElectionMessage): boolean {
    if (this.#channel.blocked) return false;
    this.#channel.guard(() => this.#channel.write(encodeElection(message)));
    return !this.#channel.closed;
  }

  close(code: string, message: string): void {
    this.#channel.close(new SkeinError(code, message), { tell: true });
  }

  #frame(name: FrameName, payload: Buffer): void {
    if (name === 'election') this.#modules.message(decodeElection(payload));
    else if (name === 'probe') this.#answer(decodeProbe(payload));
    else this.#onRefuse(payload);
  }

  /** One that reads no answers gets none, so that they do not fill the memory. */
  #answer(round: number): void {
    if (!this.#channel.blocked) this.#channel.write(encodeProbe(round));
  }

  #onRefuse(payload: Buffer): void {
    const { code, message } = decodeRefuse(payload);
    this.#channel.close(new SkeinError(code, `${this.voter.node} hung up: ${message}`), { tell: false });
  }
}
