import { randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { type Chain, isSameChain } from '../model/chain.js';
import { SkeinError } from '../model/error.js';
import type { LinkAddress } from '../model/members.js';
import type { Clock, Timer } from '../std/clock.js';
import { decodeVoter, type Voter } from '../wire/election-messages.js';
import { type FrameName, NONCE_SIZE, unexpectedFrame } from '../wire/frames.js';
import {
  type AttachInfo,
  decodeAttach,
  decodeReady,
  decodeRefuse,
  decodeSeedRequest,
  encodeWelcome,
  type SeedRequest,
} from '../wire/messages.js';
import { Channel } from './channel.js';
import { acceptedIn, type HandshakeState, handshakeStep, type Identity, listenerStart } from './handshake.js';

export interface Welcomed {
  readonly epoch: number;
  readonly chain: Chain;
  readonly committedOrdinal: number;
}

/** The primary's answer to a replica: its welcome, or why the replica may not attach. */
export type WelcomeDecision =
  | Welcomed
  /** `primary`: where the replica should dial instead. */
  | { readonly refuse: string; readonly message: string; readonly primary?: LinkAddress };

export interface GreetingOptions {
  readonly identity: Identity;
  /** Name of this node. */
  readonly node: string;
  /** Deadline for each frame of the handshake. `ready` has its own: the replica cuts its spool before it. */
  readonly stepDeadlineMs: number;
  readonly readyDeadlineMs: number;
}

export interface GreetingModules {
  readonly clock: Clock;
  /** @throws SkeinError when this replica may not attach now (asked twice: before the welcome and at the end) */
  admit(attach: AttachInfo): void;
  welcome(attach: AttachInfo): WelcomeDecision;
  /** The replica may be sent records now. `epoch`: of the welcome. */
  ready(attach: AttachInfo, epoch: number): void;
  /** The peer wants a snapshot, and nothing else. */
  seedRequested(request: SeedRequest): void;
  /** The peer wants to say something about elections, and nothing else. @throws SkeinError when it may not */
  voter(voter: Voter): void;
  /** The connection ended before it was ready. */
  ended(error: SkeinError): void;
}

/**
 * The listener's side of one connection up to the moment that records may flow:
 * proof of the secret, then attach -> welcome -> ready, or a request for a snapshot, or the name of a node that speaks of
 * elections.
 */
export class Greeting {
  readonly channel: Channel;
  readonly #options: GreetingOptions;
  readonly #modules: GreetingModules;
  #handshake: HandshakeState;
  #attached: { readonly attach: AttachInfo; readonly epoch: number; readonly chain: Chain } | null = null;
  #deadline: Timer | null = null;

  constructor(stream: Duplex, options: GreetingOptions, modules: GreetingModules) {
    this.#options = options;
    this.#modules = modules;
    this.#handshake = listenerStart(randomBytes(NONCE_SIZE)).state;
    const { clock } = modules;
    this.channel = new Channel(
      stream,
      acceptedIn(this.#handshake),
      {
        frame: (name, payload) => this.#frame(name, payload),
        closed: (error) => {
          clock.clearTimer(this.#deadline);
          modules.ended(this.#explain(error));
        },
      },
      { clock },
    );
    this.#deadline = this.#armDeadline(options.stepDeadlineMs);
  }

  close(error: SkeinError): void {
    this.channel.close(error, { tell: this.proven });
  }

  get proven(): boolean {
    return this.#handshake.kind === 'proven';
  }

  #armDeadline(ms: number): Timer {
    const { clock } = this.#modules;
    clock.clearTimer(this.#deadline);
    return clock.setTimer(ms, () => {
      const what = this.#attached === null ? 'The peer' : 'The replica';
      this.close(
        new SkeinError('HANDSHAKE_TIMEOUT', `${what} did not continue the handshake within ${ms} ms.`),
      );
    });
  }

  #frame(name: FrameName, payload: Buffer): void {
    this.#deadline = this.#armDeadline(this.#options.stepDeadlineMs);
    if (name === 'refuse') this.#onRefuse(payload);
    else if (name === 'attach') this.#onAttach(decodeAttach(payload));
    else if (name === 'ready') this.#onReady(payload);
    else if (name === 'seedRequest') this.#onSeedRequest(decodeSeedRequest(payload));
    else if (name === 'voter') this.#onVoter(decodeVoter(payload));
    else this.#onProof(name, payload);
  }

  #onProof(name: FrameName, payload: Buffer): void {
    const step = handshakeStep(this.#options.identity, this.#handshake, name, payload);
    this.#handshake = step.state;
    if (step.send !== null) this.channel.write(step.send);
    if (step.state.kind === 'refused') {
      this.channel.close(step.state.error, { tell: step.state.tell });
    } else if (step.state.kind === 'proven') {
      this.channel.tellFaults = true;
      this.channel.accept(['attach', 'seedRequest', 'voter', 'refuse']);
    } else {
      this.channel.accept(acceptedIn(step.state));
    }
  }

  #onAttach(attach: AttachInfo): void {
    const { epoch, chain, committedOrdinal } = this.#decide(attach);
    this.#attached = { attach, epoch, chain };
    this.channel.write(
      encodeWelcome({
        node: this.#options.node,
        epoch,
        chain,
        committedOrdinal,
        sentAtMs: Date.now(),
        uptimeMs: this.#modules.clock.nowMs(),
      }),
    );
    this.channel.accept(['ready', 'refuse']);
    this.#deadline = this.#armDeadline(this.#options.readyDeadlineMs);
  }

  #onSeedRequest(request: SeedRequest): void {
    this.#modules.clock.clearTimer(this.#deadline);
    this.#modules.seedRequested(request);
  }

  #onVoter(voter: Voter): void {
    this.#modules.voter(voter);
    this.#modules.clock.clearTimer(this.#deadline);
  }

  #onReady(payload: Buffer): void {
    if (this.#attached === null) throw unexpectedFrame('ready');
    const { epoch, chain } = this.#attached;
    const attach = { ...this.#attached.attach, ...decodeReady(payload) };
    const now = this.#decide(attach);
    // The replica cut its spool to an epoch that has ended meanwhile. Its acknowledgements would be about another log.
    if (now.epoch !== epoch) {
      throw new SkeinError('EPOCH_CHANGED', `Epoch ${now.epoch} began while ${attach.node} attached.`);
    }
    // A change of the members after the welcome was not sent to this replica, so the next change would not follow its list.
    if (!isSameChain(now.chain, chain)) {
      throw new SkeinError('CHAIN_CHANGED', `The list of members changed while ${attach.node} attached.`);
    }
    this.#modules.clock.clearTimer(this.#deadline);
    this.#modules.ready(attach, epoch);
  }

  #decide(attach: AttachInfo): Welcomed {
    this.#modules.admit(attach);
    const decision = this.#modules.welcome(attach);
    if ('refuse' in decision) {
      const { refuse, message, primary } = decision;
      throw new SkeinError(refuse, message, primary && { data: { primary } });
    }
    // H1: a replica that has promised a newer epoch cannot follow this one. This primary is the outdated side.
    if (attach.epoch > decision.epoch) {
      const text = `This primary has epoch ${decision.epoch}; ${attach.node} already knows epoch ${attach.epoch}.`;
      throw new SkeinError('OLDER_EPOCH', text);
    }
    return decision;
  }

  #onRefuse(payload: Buffer): void {
    const { code, message } = decodeRefuse(payload);
    this.channel.close(new SkeinError(code, `The peer refused: ${message}`), { tell: false });
  }

  /** Adds what this end knows about the reason. */
  #explain(error: SkeinError): SkeinError {
    if (error.code === 'LINK_CLOSED' && this.#handshake.kind === 'challenged') {
      return new SkeinError(
        'WRONG_SECRET',
        "The dialer hung up after this node's proof. Most likely its cluster.secret differs.",
      );
    }
    return error;
  }
}
