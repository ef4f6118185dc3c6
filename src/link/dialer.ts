import type { Socket } from 'node:net';
import type { ChainPlace } from '../model/chain.js';
import { isSkeinError, SkeinError } from '../model/error.js';
import { type LinkAddress, linkText } from '../model/members.js';
import { type Clock, systemClock } from '../std/clock.js';
import type { Logger } from '../std/logger.js';
import { backoffMs, sleep } from '../std/timing.js';
import type { TlsSource } from '../std/tls-source.js';
import type { Ack } from '../wire/frames.js';
import type { DefinitionsQuery } from '../wire/messages.js';
import { connectLink } from './connect.js';
import { DialerSession, type ReplicaCallbacks } from './dialer-session.js';
import { type Identity, linkIdentity } from './handshake.js';
import { withDefaults } from './options.js';
import { ReadBuffer } from './read-buffer.js';

export interface LinkDialerOptions {
  /** Of the primary's link port; asked before each dial, with the number of dials in a row that did not find the primary. */
  address(failures: number): LinkAddress;
  /** Name and id of the cluster. */
  readonly cluster: string;
  /** At least 16 bytes. */
  readonly secret: string | Uint8Array;
  /** Name of this node. */
  readonly node: string;
  readonly heartbeatIntervalMs?: number;
  readonly goneAfterMs?: number;
  readonly stepDeadlineMs?: number;
  /** With it both ends show a certificate. */
  readonly tls?: TlsSource | null;
  readonly redialFirstMs?: number;
  readonly redialMaxMs?: number;
}

const DEFAULTS = {
  heartbeatIntervalMs: 500,
  goneAfterMs: 10_000,
  stepDeadlineMs: 5000,
  // A node that has just been elected takes replicas some milliseconds later.
  redialFirstMs: 20,
  redialMaxMs: 2000,
} as const;
type Limits = { readonly [K in keyof typeof DEFAULTS]: number };

/** A link that lasted this long resets the back-off. */
const GOOD_LINK_MS = 1000;

/** Highest back-off step (160 ms by default) while an authenticated primary is not open yet. */
const NOT_OPEN_ATTEMPT = 3;
const SOON = ['NOT_OPEN', 'NOT_PRIMARY', 'NOT_A_MEMBER', 'CHAIN_CHANGED'];
/** So answers the primary; it is dialled again where it was found. */
const BY_PRIMARY = [
  ...['NOT_OPEN', 'NOT_A_MEMBER', 'REMOVED', 'MEMBER_ELSEWHERE'],
  ...['CHAIN_CHANGED', 'EPOCH_CHANGED'],
];
/** A node that was removed asks this often whether it has been added again. */
const REMOVED_REDIAL_MS = 30_000;
/** Heartbeats (10 s by default) after which a witness whose disk is full asks again what all others have, so that it can make room. */
const LOG_HELD_HEARTBEATS = 20;

export interface LinkDialerModules extends ReplicaCallbacks {
  readonly logger: Logger;
  /** Called at each change of state or code, and for each new reason while the primary is not open. */
  state(state: 'up' | 'down', reason: string, code: string): void;
  readonly clock?: Clock;
}

/** The replica's end of the link: dials the primary for as long as it runs, with one connection at a time. */
export class LinkDialer {
  readonly #options: LinkDialerOptions & Limits;
  readonly #modules: LinkDialerModules;
  readonly #identity: Identity;
  readonly #clock: Clock;
  #session: DialerSession | null = null;
  #running: { abort: AbortController; done: Promise<void> } | null = null;
  #lastReported = '';
  #openedAtMs: number | null = null;
  /** The address that it dials, or dialled last. */
  #address: LinkAddress = { host: '', port: 0 };
  /** The primary's address as the node that was dialled last gave it, if it is another one; null = it is not, or it gave none. */
  #told: LinkAddress | null = null;
  /** Dials in a row that did not find the primary: nobody answered, or another node. */
  #failures = 0;
  /** Sum of closed connections. */
  #before = { sent: 0, received: 0 };

  /** @throws SkeinError WEAK_SECRET */
  constructor(options: LinkDialerOptions, modules: LinkDialerModules) {
    this.#options = withDefaults(DEFAULTS, options);
    this.#modules = modules;
    this.#clock = modules.clock ?? systemClock;
    this.#identity = linkIdentity(options.cluster, options.secret);
  }

  get up(): boolean {
    return this.#session?.open ?? false;
  }

  /** Bytes on all connections so far, greetings included. */
  get bytes(): { sent: number; received: number } {
    const now = this.#session?.bytes;
    return {
      sent: this.#before.sent + (now?.sent ?? 0),
      received: this.#before.received + (now?.received ?? 0),
    };
  }

  start(): void {
    if (this.#running !== null) return;
    const abort = new AbortController();
    this.#running = { abort, done: this.#run(abort.signal) };
  }

  async stop(reason = 'the node stops'): Promise<void> {
    const running = this.#running;
    this.#running = null;
    running?.abort.abort();
    this.#session?.close('LINK_ENDED', reason);
    await running?.done;
  }

  /** See DialerSession. */
  adopted(place: ChainPlace): void {
    this.#session?.adopted(place);
  }

  /** False: the link is not up, and no answer comes. See `defined`. */
  askDefinitions(query: DefinitionsQuery): boolean {
    return this.#session?.askDefinitions(query) ?? false;
  }

  /** Merged: at most one frame in a turn of the event loop, the newest wins. Dropped while the link is down. */
  ack(ack: Ack): void {
    this.#session?.ack(ack);
  }

  /** Call it after `records` has returned false. */
  resume(): void {
    this.#session?.resume();
  }

  async #run(signal: AbortSignal): Promise<void> {
    let attempt = 0;
    while (!signal.aborted) {
      const error = await this.#dial(signal);
      this.#found(error);
      if (signal.aborted) return;
      if (this.#openedAtMs !== null && this.#clock.nowMs() - this.#openedAtMs > GOOD_LINK_MS) attempt = 0;
      this.#openedAtMs = null;
      // That node is up and waits for a quorum itself, or is about to become the primary or to add this node, so dial
      // again soon.
      if (SOON.includes(error.code)) attempt = Math.min(attempt, NOT_OPEN_ATTEMPT);
      const { redialFirstMs, redialMaxMs } = this.#options;
      const waitMs = this.#slowly(error.code) ?? backoffMs(attempt++, redialFirstMs, redialMaxMs);
      this.#modules.logger.debug({ code: error.code, attempt, waitMs: Math.round(waitMs) }, 'link redial');
      await sleep(waitMs, signal, this.#clock).catch(() => {});
    }
  }

  /** Pause after an end of the link that only somebody else can change; null = it is dialled again soon. */
  #slowly(code: string): number | null {
    if (code === 'REMOVED') return REMOVED_REDIAL_MS;
    if (code === 'LOG_HELD') return LOG_HELD_HEARTBEATS * this.#options.heartbeatIntervalMs;
    return null;
  }

  /**
   * Another node may listen at the primary's old address now, this one included, and several nodes may name each other. So an
   * address that a node gives is tried once, and after a dial that did not find the primary another address is tried.
   */
  #found(error: SkeinError): void {
    if (BY_PRIMARY.includes(error.code)) return;
    const wasTold = this.#told !== null;
    this.#told = null;
    if (this.#openedAtMs !== null) {
      this.#failures = 0;
      return;
    }
    const { primary } = error.data as { primary?: LinkAddress };
    if (primary && !wasTold && linkText(primary) !== linkText(this.#address)) this.#told = primary;
    else this.#failures++;
  }

  /** One connection, from the dial to its end; resolves with the reason why it ended. */
  async #dial(signal: AbortSignal): Promise<SkeinError> {
    // With TLS, the TLS socket reads and does not use this buffer.
    const reads = this.#options.tls ? undefined : new ReadBuffer();
    const error = await this.#connect(signal, reads).then(
      (socket) => this.#live(socket, reads),
      (reason) => (isSkeinError(reason) ? reason : new SkeinError('LINK_ENDED', 'The dial was given up.')),
    );
    this.#before = this.bytes;
    this.#session = null;
    // A dial that stop() aborted is not reported.
    if (!signal.aborted || this.#openedAtMs !== null) this.#say('down', error.message, error.code);
    return error;
  }

  #connect(signal: AbortSignal, reads: ReadBuffer | undefined): Promise<Socket> {
    const { stepDeadlineMs, tls } = this.#options;
    this.#address = this.#told ?? this.#options.address(this.#failures);
    const options = { peer: 'the primary', tls, deadlineMs: stepDeadlineMs, reads };
    return connectLink(this.#address, options, signal, this.#clock);
  }

  #live(socket: Socket, reads: ReadBuffer | undefined): Promise<SkeinError> {
    const { heartbeatIntervalMs, goneAfterMs, stepDeadlineMs } = this.#options;
    return new Promise((resolve) => {
      this.#session = new DialerSession(
        socket,
        { identity: this.#identity, intervalMs: heartbeatIntervalMs, goneAfterMs, stepDeadlineMs },
        {
          ...callbacks(this.#modules),
          clock: this.#clock,
          opened: (welcome) => {
            this.#openedAtMs = this.#clock.nowMs();
            this.#say('up', `attached to ${welcome.node}, epoch ${welcome.epoch}`, 'UP');
          },
          closed: resolve,
        },
        reads,
      );
    });
  }

  #say(state: 'up' | 'down', reason: string, code: string): void {
    // While a primary opens, its reason changes under the same code. Report each one.
    const key = code === 'NOT_OPEN' ? `${code} ${reason}` : `${state} ${code}`;
    if (key === this.#lastReported) return;
    this.#lastReported = key;
    const data = { ...this.#address, code, reason };
    if (state === 'up') this.#modules.logger.info(data, 'link up');
    else this.#modules.logger.warn(data, 'link down');
    this.#modules.state(state, reason, code);
  }
}

/** Bound here, because modules may be an object of a class. */
function callbacks(modules: ReplicaCallbacks): ReplicaCallbacks {
  return {
    attachInfo: () => modules.attachInfo(),
    welcomed: (welcome) => modules.welcomed(welcome),
    records: (bytes, committedOrdinal) => modules.records(bytes, committedOrdinal),
    committed: (ordinal) => modules.committed(ordinal),
    status: (status) => modules.status(status),
    list: (message) => modules.list(message),
    heartbeat: () => modules.heartbeat(),
    seedOrder: (order) => modules.seedOrder(order),
    definitions: (query) => modules.definitions(query),
    defined: (reply) => modules.defined(reply),
    verify: (ask) => modules.verify(ask),
    heard: (heartbeat, heardAtMs) => modules.heard?.(heartbeat, heardAtMs),
  };
}
