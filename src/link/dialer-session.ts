import { randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { ChainPlace } from '../model/chain.js';
import { SkeinError } from '../model/error.js';
import type { ClusterStatus } from '../model/status.js';
import type { Clock, Timer } from '../std/clock.js';
import { durationText } from '../std/duration-text.js';
import {
  type Ack,
  decodeCommitted,
  decodeProbe,
  decodeRecords,
  encodeAck,
  encodeEcho,
  type FrameName,
  NONCE_SIZE,
  unexpectedFrame,
} from '../wire/frames.js';
import {
  type AttachInfo,
  type DefinitionsQuery,
  type DefinitionsReply,
  decodeDefinitionsQuery,
  decodeDefinitionsReply,
  decodeHeartbeat,
  decodeList,
  decodeRefuse,
  decodeSeedOrder,
  decodeStatus,
  decodeWelcome,
  encodeAdopted,
  encodeAttach,
  encodeDefinitionsQuery,
  encodeDefinitionsReply,
  encodeHeartbeat,
  encodeReady,
  type Heartbeat,
  type HeartbeatBody,
  type ListMessage,
  type SeedOrder,
  type Welcome,
} from '../wire/messages.js';
import {
  decodeVerifyAsk,
  encodeVerifyReply,
  type VerifyAsk,
  type VerifyReply,
} from '../wire/verify-messages.js';
import { Channel } from './channel.js';
import { acceptedIn, dialerStart, type HandshakeState, handshakeStep, type Identity } from './handshake.js';
import { HeartbeatMonitor, type HeartbeatOptions } from './heartbeat-monitor.js';
import type { ReadBuffer } from './read-buffer.js';

/** What the dialer's session calls on a replica. An exception in any of them ends the connection. */
export interface ReplicaCallbacks {
  attachInfo(): AttachInfo;
  /**
   * The primary has accepted this replica. Cut the spool to the chain (rule C7) before this resolves. Then `attachInfo`
   * is called again, and the records begin after the end of the spool that it returns. No record comes before.
   */
  welcomed(welcome: Welcome): void | Promise<void>;
  /** Whole records; the buffer may be kept. False: pause until `resume` (a few more frames may still come). */
  records(bytes: Buffer, committedOrdinal: number): boolean;
  committed(ordinal: number): void;
  status(status: ClusterStatus): void;
  /** A new list of members. The replica calls `adopted` when its log has reached the list's place. */
  list(message: ListMessage): void;
  heartbeat(): HeartbeatBody;
  /** The primary passes on an operator's order. */
  seedOrder(order: SeedOrder): void;
  /** How objects of the replica's server are defined; the answer has the reason when that cannot be told. */
  definitions(query: DefinitionsQuery): Promise<DefinitionsReply>;
  /** The primary answers a question of `askDefinitions`. */
  defined(reply: DefinitionsReply): void;
  /** Rows of the replica's server, to be compared with the primary's. Never rejects. */
  verify(ask: VerifyAsk): Promise<VerifyReply>;
  /** A heartbeat of the primary; `heardAtMs` is monotonic (for membership/lag.ts). */
  heard?(heartbeat: Heartbeat, heardAtMs: number): void;
}

export interface DialerSessionOptions extends HeartbeatOptions {
  readonly identity: Identity;
  readonly stepDeadlineMs: number;
}

export interface DialerSessionModules extends ReplicaCallbacks {
  readonly clock: Clock;
  opened(welcome: Welcome): void;
  /** The connection is closed, and `welcomed` is not running any more. */
  closed(error: SkeinError): void;
}

type Phase = 'proving' | 'attaching' | 'cutting' | 'open';

/** The dialer's side of one connection, from the first byte to the last. */
export class DialerSession {
  readonly #channel: Channel;
  readonly #options: DialerSessionOptions;
  readonly #modules: DialerSessionModules;
  readonly #heartbeats: HeartbeatMonitor;
  #phase: Phase = 'proving';
  #handshake: HandshakeState;
  #deadline: Timer | null = null;
  #epoch = 0;
  /** Until the replica has followed the welcome; null = it has, or none has come. */
  #following: Promise<void> | null = null;
  #ack: Ack | null = null;
  #ackDue = false;

  constructor(
    stream: Duplex,
    options: DialerSessionOptions,
    modules: DialerSessionModules,
    reads?: ReadBuffer,
  ) {
    this.#options = options;
    this.#modules = modules;
    const first = dialerStart(randomBytes(NONCE_SIZE));
    this.#handshake = first.state;
    const holder = {
      frame: (name: FrameName, payload: Buffer) => this.#frame(name, payload),
      drained: () => this.#flushAck(),
      closed: (error: SkeinError) => this.#closed(error),
    };
    const channel = new Channel(stream, acceptedIn(first.state), holder, { reads, clock: modules.clock });
    this.#channel = channel;
    this.#heartbeats = new HeartbeatMonitor(options, {
      clock: modules.clock,
      beat: () => channel.guard(() => this.#beat()),
      heardAtMs: () => channel.heardAtMs,
      listening: () => !channel.paused,
      silent: (silentMs) =>
        this.close('LINK_SILENT', `No data from the primary for ${durationText(silentMs)}.`),
    });
    if (first.send !== null) channel.write(first.send);
    this.#armDeadline();
  }

  get open(): boolean {
    return this.#phase === 'open' && !this.#channel.closed;
  }

  get bytes(): { sent: number; received: number } {
    return { sent: this.#channel.bytesSent, received: this.#channel.bytesReceived };
  }

  /** Merged: at most one frame in a turn of the event loop, the newest wins. Dropped while not open. */
  ack(ack: Ack): void {
    if (!this.open) return;
    this.#ack = ack;
    if (this.#ackDue) return;
    this.#ackDue = true;
    setImmediate(() => {
      this.#ackDue = false;
      this.#channel.guard(() => this.#flushAck());
    });
  }

  /** The log has reached this entry of the chain, which is on the disk. Dropped while not open: attaching says it too. */
  adopted(place: ChainPlace): void {
    if (this.open) this.#channel.guard(() => this.#channel.write(encodeAdopted(place)));
  }

  /** False: the link is not open, and no answer comes. See `defined`. */
  askDefinitions(query: DefinitionsQuery): boolean {
    if (this.open) this.#channel.guard(() => this.#channel.write(encodeDefinitionsQuery(query)));
    return this.open;
  }

  resume(): void {
    this.#channel.resume();
  }

  close(code: string, message: string): void {
    // An unauthenticated peer gets no reason.
    this.#channel.close(new SkeinError(code, message), { tell: this.#phase !== 'proving' });
  }

  #armDeadline(): void {
    const { clock } = this.#modules;
    clock.clearTimer(this.#deadline);
    const ms = this.#options.stepDeadlineMs;
    this.#deadline = clock.setTimer(ms, () =>
      this.close('HANDSHAKE_TIMEOUT', `The listener did not answer within ${ms} ms.`),
    );
  }

  #frame(name: FrameName, payload: Buffer): void {
    if (name === 'records') this.#onRecords(payload);
    else if (name === 'committed') this.#modules.committed(decodeCommitted(payload));
    else if (name === 'heartbeat') this.#onHeartbeat(decodeHeartbeat(payload));
    else if (name === 'status') this.#modules.status(decodeStatus(payload));
    else if (name === 'list') this.#modules.list(decodeList(payload));
    else if (name === 'probe') this.#onProbe(decodeProbe(payload));
    else if (name === 'definitionsQuery') void this.#onDefinitionsQuery(decodeDefinitionsQuery(payload));
    else if (name === 'definitionsReply') this.#modules.defined(decodeDefinitionsReply(payload));
    else if (name === 'verifyAsk') void this.#onVerifyAsk(decodeVerifyAsk(payload));
    else if (name === 'seedOrder') this.#modules.seedOrder(decodeSeedOrder(payload));
    else if (name === 'refuse') this.#onRefuse(payload);
    else if (name === 'challenge') this.#onChallenge(payload);
    else if (name === 'welcome') this.#onWelcome(decodeWelcome(payload));
    else throw unexpectedFrame(name);
  }

  #onRecords(payload: Buffer): void {
    const { committedOrdinal, bytes } = decodeRecords(payload);
    if (bytes.length === 0) this.#modules.committed(committedOrdinal);
    else if (!this.#modules.records(bytes, committedOrdinal)) this.#channel.pause();
  }

  #onChallenge(payload: Buffer): void {
    const step = handshakeStep(this.#options.identity, this.#handshake, 'challenge', payload);
    this.#handshake = step.state;
    if (step.send !== null) this.#channel.write(step.send);
    if (step.state.kind === 'refused') {
      this.#channel.close(step.state.error, { tell: step.state.tell });
      return;
    }
    this.#phase = 'attaching';
    this.#channel.tellFaults = true;
    this.#channel.accept(['welcome', 'refuse']);
    this.#channel.write(encodeAttach(this.#modules.attachInfo()));
    this.#armDeadline();
  }

  #onWelcome(welcome: Welcome): void {
    const { epoch } = this.#modules.attachInfo();
    // H1: a node that knows a newer epoch never acknowledges to an older primary.
    if (welcome.epoch < epoch) {
      const text = `${welcome.node} is primary of epoch ${welcome.epoch}; this node already knows epoch ${epoch}.`;
      throw new SkeinError('OLDER_EPOCH', text);
    }
    this.#modules.clock.clearTimer(this.#deadline);
    this.#phase = 'cutting';
    this.#epoch = welcome.epoch;
    this.#channel.accept(['refuse']);
    this.#following = this.#cut(welcome).finally(() => {
      this.#following = null;
    });
  }

  async #cut(welcome: Welcome): Promise<void> {
    try {
      await this.#modules.welcomed(welcome);
      this.#channel.guard(() => this.#ready(welcome));
    } catch (error) {
      this.#channel.guard(() => {
        throw error;
      });
    }
  }

  #ready(welcome: Welcome): void {
    const { spoolEnd, previousGtid, damaged, adopted } = this.#modules.attachInfo();
    this.#channel.accept([
      'records',
      'committed',
      'heartbeat',
      'status',
      'list',
      'probe',
      'definitionsQuery',
      'definitionsReply',
      'verifyAsk',
      'seedOrder',
      'refuse',
    ]);
    this.#channel.write(encodeReady({ spoolEnd: { ...spoolEnd }, previousGtid, damaged, adopted }));
    this.#phase = 'open';
    this.#modules.opened(welcome);
    this.#channel.heardAtMs = this.#modules.clock.nowMs();
    this.#heartbeats.start();
  }

  #onHeartbeat(heartbeat: Heartbeat): void {
    // A session belongs to one epoch. With the next epoch, the spool has to be compared with the chain again.
    if (heartbeat.epoch !== this.#epoch) {
      const text = `The primary's epoch is now ${heartbeat.epoch}; this link was made in epoch ${this.#epoch}.`;
      throw new SkeinError('EPOCH_CHANGED', text);
    }
    this.#modules.heard?.(heartbeat, this.#modules.clock.nowMs());
  }

  /** Sent even while acknowledgements wait for space: an echo has a few bytes, and one round runs at a time. */
  #onProbe(round: number): void {
    this.#channel.write(encodeEcho({ round, epoch: this.#modules.attachInfo().epoch }));
  }

  /** May take long. The link delivers records meanwhile, because the answer may wait for them. */
  async #onDefinitionsQuery(query: DefinitionsQuery): Promise<void> {
    const answer = await this.#modules.definitions(query);
    this.#channel.guard(() => {
      if (!this.open) return;
      this.#channel.write(encodeDefinitionsReply(answer));
    });
  }

  async #onVerifyAsk(ask: VerifyAsk): Promise<void> {
    const reply = await this.#modules.verify(ask);
    this.#channel.guard(() => {
      if (this.open) this.#channel.write(encodeVerifyReply(reply));
    });
  }

  #onRefuse(payload: Buffer): void {
    const { code, message, primary } = decodeRefuse(payload);
    const data = primary && { data: { primary } };
    this.#channel.close(new SkeinError(code, `The primary says: ${message}`, data), { tell: false });
  }

  #beat(): void {
    if (this.#channel.blocked) return;
    const clocks = { sentAtMs: Date.now(), uptimeMs: this.#modules.clock.nowMs() };
    this.#channel.write(encodeHeartbeat({ ...this.#modules.heartbeat(), ...clocks }));
  }

  #flushAck(): void {
    if (this.#ack === null || !this.open || this.#channel.blocked) return;
    const frame = encodeAck(this.#ack);
    this.#ack = null;
    this.#channel.write(frame);
  }

  #closed(error: SkeinError): void {
    this.#modules.clock.clearTimer(this.#deadline);
    this.#heartbeats.stop();
    // The replica may still cut its spool and write the chain of this primary. The next link must not do the same
    // beside it, and the next role must not begin: the older chain would be written over the newer one (rule H2).
    if (this.#following) void this.#following.then(() => this.#modules.closed(error));
    else this.#modules.closed(error);
  }
}
