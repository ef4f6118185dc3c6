import { randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { ElectionMessage } from '../model/election-messages.js';
import { SkeinError } from '../model/error.js';
import type { Clock, Timer } from '../std/clock.js';
import { durationText } from '../std/duration-text.js';
import { decodeElection, encodeElection, encodeVoter, type Voter } from '../wire/election-messages.js';
import { decodeProbe, encodeProbe, type FrameName, NONCE_SIZE } from '../wire/frames.js';
import { decodeRefuse } from '../wire/messages.js';
import { Channel } from './channel.js';
import { acceptedIn, dialerStart, type HandshakeState, handshakeStep, type Identity } from './handshake.js';
import { HeartbeatMonitor, type HeartbeatOptions } from './heartbeat-monitor.js';

/** `intervalMs`: between two probes. */
export interface VoterSessionOptions extends HeartbeatOptions {
  readonly identity: Identity;
  readonly voter: Voter;
  /** For each step until the session is open. */
  readonly stepDeadlineMs: number;
}

export interface VoterSessionModules {
  readonly clock: Clock;
  opened(): void;
  message(message: ElectionMessage): void;
  /** Called once, whatever ended it. */
  closed(error: SkeinError): void;
}

/**
 * The dialer's side of one connection for elections: proof of the secret, then `voter`, then messages and probes. The answer to
 * the first probe says that the other node takes messages. Without answers the connection is closed, because TCP alone would
 * keep a connection to a machine without power for many minutes.
 */
export class VoterSession {
  readonly #channel: Channel;
  readonly #options: VoterSessionOptions;
  readonly #modules: VoterSessionModules;
  readonly #probes: HeartbeatMonitor;
  #handshake: HandshakeState;
  #deadline: Timer | null = null;
  #isOpen = false;
  #round = 0;

  constructor(stream: Duplex, options: VoterSessionOptions, modules: VoterSessionModules) {
    this.#options = options;
    this.#modules = modules;
    const { state, send } = dialerStart(randomBytes(NONCE_SIZE));
    this.#handshake = state;
    const holder = {
      frame: (name: FrameName, payload: Buffer) => this.#frame(name, payload),
      closed: (error: SkeinError) => this.#closed(error),
    };
    const channel = new Channel(stream, acceptedIn(state), holder, { clock: modules.clock });
    this.#channel = channel;
    this.#probes = new HeartbeatMonitor(options, {
      clock: modules.clock,
      beat: () => channel.guard(() => this.#probe()),
      heardAtMs: () => channel.heardAtMs,
      listening: () => true,
      silent: (silentMs) =>
        this.close('LINK_SILENT', `No answer from ${options.voter.to} for ${durationText(silentMs)}.`),
    });
    if (send !== null) channel.write(send);
    this.#armDeadline();
  }

  get isOpen(): boolean {
    return this.#isOpen && !this.#channel.closed;
  }

  /**
   * False: dropped, because the session is not open, or because the socket's buffer is full. So this process never keeps more
   * for a peer than that buffer and what was sent in one turn of the event loop.
   */
  send(message: ElectionMessage): boolean {
    if (!this.isOpen || this.#channel.blocked) return false;
    this.#channel.guard(() => this.#channel.write(encodeElection(message)));
    return !this.#channel.closed;
  }

  close(code: string, message: string): void {
    this.#channel.close(new SkeinError(code, message), { tell: this.#handshake.kind === 'proven' });
  }

  #armDeadline(): void {
    const { clock } = this.#modules;
    const { voter, stepDeadlineMs } = this.#options;
    clock.clearTimer(this.#deadline);
    this.#deadline = clock.setTimer(stepDeadlineMs, () =>
      this.close('HANDSHAKE_TIMEOUT', `${voter.to} did not answer within ${stepDeadlineMs} ms.`),
    );
  }

  #frame(name: FrameName, payload: Buffer): void {
    if (name === 'probe') this.#onAnswer(decodeProbe(payload));
    else if (name === 'election') this.#modules.message(decodeElection(payload));
    else if (name === 'refuse') this.#onRefuse(payload);
    else this.#onHandshake(name, payload);
  }

  #onHandshake(name: FrameName, payload: Buffer): void {
    const step = handshakeStep(this.#options.identity, this.#handshake, name, payload);
    this.#handshake = step.state;
    if (step.send !== null) this.#channel.write(step.send);
    if (step.state.kind === 'refused') {
      this.#channel.close(step.state.error, { tell: step.state.tell });
      return;
    }
    this.#channel.tellFaults = true;
    this.#channel.accept(['election', 'probe', 'refuse']);
    this.#channel.write(encodeVoter(this.#options.voter));
    this.#probe();
    this.#armDeadline();
  }

  #probe(): void {
    if (!this.#channel.blocked) this.#channel.write(encodeProbe(++this.#round));
  }

  /** Which round it answers does not matter: bytes that come show that the other end reads. */
  #onAnswer(_round: number): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#modules.clock.clearTimer(this.#deadline);
    this.#modules.opened();
    this.#probes.start();
  }

  #onRefuse(payload: Buffer): void {
    const { code, message } = decodeRefuse(payload);
    const text = `${this.#options.voter.to} says: ${message}`;
    this.#channel.close(new SkeinError(code, text), { tell: false });
  }

  #closed(error: SkeinError): void {
    this.#modules.clock.clearTimer(this.#deadline);
    this.#probes.stop();
    this.#modules.closed(error);
  }
}
