import type { ChainPlace } from '../model/chain.js';
import { messageOf, SkeinError } from '../model/error.js';
import type { Clock } from '../std/clock.js';
import { durationText } from '../std/duration-text.js';
import { Emitter } from '../std/emitter.js';
import type { Logger } from '../std/logger.js';
import {
  type Ack,
  decodeAck,
  decodeEcho,
  type Echo,
  encodeCommitted,
  encodeProbe,
  encodeRecordsHead,
  type FrameName,
  unexpectedFrame,
} from '../wire/frames.js';
import {
  type AttachInfo,
  type DefinitionsQuery,
  type DefinitionsReply,
  decodeAdopted,
  decodeDefinitionsQuery,
  decodeDefinitionsReply,
  decodeHeartbeat,
  decodeRefuse,
  encodeDefinitionsQuery,
  encodeDefinitionsReply,
  encodeHeartbeat,
  encodeList,
  encodeSeedOrder,
  type Heartbeat,
  type HeartbeatBody,
  type ListMessage,
  type SeedOrder,
} from '../wire/messages.js';
import {
  decodeVerifyReply,
  encodeVerifyAsk,
  type VerifyAsk,
  type VerifyReply,
} from '../wire/verify-messages.js';
import type { Channel } from './channel.js';
import { HeartbeatMonitor, type HeartbeatOptions } from './heartbeat-monitor.js';

/** An attached replica, as the primary sees it. */
export interface ReplicaSession {
  readonly node: string;
  /** With the spool's end as it is after the cut to the chain. */
  readonly attach: AttachInfo;
  /** `host:port` from which it dials. */
  readonly address: string;
  /**
   * Sends whole records (16 MiB at most) and how far they are committed; the buffer is shared, not copied, and must
   * not change any more. False: enough is buffered, go on after `onDrain`.
   * @throws SkeinError FRAME_TOO_LARGE
   */
  sendRecords(bytes: Buffer, committedOrdinal: number): boolean;
  /** Sent at once when idle, merged otherwise: only the newest counts. */
  sendCommitted(ordinal: number): void;
  /** Asks whether the replica still follows this primary. Sent even while its buffer is full: one round runs at a time. */
  sendProbe(round: number): void;
  /** A new list of members. Sent even while the buffer is full: such changes are rare. */
  sendList(message: ListMessage): void;
  /** Orders the replica to fill its server from another node, or to cancel that. */
  orderSeed(order: SeedOrder): void;
  /** The replica answers when it has applied the position in question; see `onDefinitions`. */
  askDefinitions(query: DefinitionsQuery): void;
  /** Answers a question of the replica; see `onDefinitionsQuery`. */
  sendDefinitions(reply: DefinitionsReply): void;
  /** The replica answers with the same id; see `onVerify`. @throws SkeinError FRAME_TOO_LARGE */
  askVerify(ask: VerifyAsk): void;
  readonly blocked: boolean;
  /** Bytes that wait in this process for the socket. */
  readonly bufferedBytes: number;
  readonly onDrain: Emitter<void>;
  readonly onAck: Emitter<Ack>;
  readonly onHeartbeat: Emitter<Heartbeat>;
  /** Its log has reached this entry of the chain, which is on its disk. */
  readonly onAdopted: Emitter<ChainPlace>;
  /** The replica has answered the probe of this round: it follows this primary. */
  readonly onEcho: Emitter<number>;
  readonly onDefinitions: Emitter<DefinitionsReply>;
  /** The replica asks for the definitions that this primary has now. */
  readonly onDefinitionsQuery: Emitter<DefinitionsQuery>;
  readonly onVerify: Emitter<VerifyReply>;
  /** Emitted once, with the reason for people. */
  readonly onClosed: Emitter<string>;
  /** `code` is sent to the replica; LinkDialer says what the replica does then. */
  close(reason: string, code?: string): void;
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

/** After `sendRecords() === false` this much may still be sent; it protects against a caller that ignores the result. */
const OVERRUN_BYTES_MAX = 64 * 1024 * 1024;

const TAKEN: readonly FrameName[] = [
  ...(['ack', 'heartbeat', 'adopted', 'echo'] as const),
  ...(['definitionsQuery', 'definitionsReply', 'verifyReply', 'refuse'] as const),
];

export interface ListenerSessionOptions extends HeartbeatOptions {
  readonly attach: AttachInfo;
  readonly address: string;
  /** Epoch of the primary that this session belongs to. */
  readonly epoch: number;
}

export interface ListenerSessionModules {
  readonly clock: Clock;
  readonly logger: Logger;
  heartbeat(): HeartbeatBody;
  /** A fresh STATUS frame. */
  statusFrame(): Buffer;
  closed(error: SkeinError): void;
}

export class ListenerSession implements ReplicaSession {
  readonly node: string;
  readonly attach: AttachInfo;
  readonly address: string;
  readonly onDrain = new Emitter<void>();
  readonly onAck = new Emitter<Ack>();
  readonly onHeartbeat = new Emitter<Heartbeat>();
  readonly onAdopted = new Emitter<ChainPlace>();
  readonly onEcho = new Emitter<number>();
  readonly onDefinitions = new Emitter<DefinitionsReply>();
  readonly onDefinitionsQuery = new Emitter<DefinitionsQuery>();
  readonly onVerify = new Emitter<VerifyReply>();
  readonly onClosed = new Emitter<string>();
  readonly #channel: Channel;
  readonly #epoch: number;
  readonly #modules: ListenerSessionModules;
  readonly #heartbeats: HeartbeatMonitor;
  #committedSaid = -1;
  #committed = -1;
  #committedDue = false;
  #statusDue = false;

  constructor(channel: Channel, options: ListenerSessionOptions, modules: ListenerSessionModules) {
    this.node = options.attach.node;
    this.attach = options.attach;
    this.address = options.address;
    this.#epoch = options.epoch;
    this.#channel = channel;
    this.#modules = modules;
    this.#heartbeats = new HeartbeatMonitor(options, {
      clock: modules.clock,
      beat: () => channel.guard(() => this.#beat()),
      heardAtMs: () => channel.heardAtMs,
      listening: () => true,
      silent: (silentMs) =>
        this.#end('LINK_SILENT', `No data from ${this.node} for ${durationText(silentMs)}.`),
    });
    channel.handOver(TAKEN, {
      frame: (name, payload) => this.#frame(name, payload),
      drained: () => this.#drained(),
      closed: (error) => this.#closed(error),
    });
  }

  /** Call it after the `attached` callback has added its listeners. */
  start(): void {
    if (this.#channel.closed) return;
    this.#heartbeats.start();
    this.sendStatus();
  }

  get blocked(): boolean {
    return this.#channel.blocked;
  }

  get bufferedBytes(): number {
    return this.#channel.buffered;
  }

  get bytesSent(): number {
    return this.#channel.bytesSent;
  }

  get bytesReceived(): number {
    return this.#channel.bytesReceived;
  }

  sendRecords(bytes: Buffer, committedOrdinal: number): boolean {
    if (this.#channel.buffered > OVERRUN_BYTES_MAX) {
      this.#end('LINK_OVERRUN', `More than ${OVERRUN_BYTES_MAX} bytes wait for ${this.node}.`);
      return false;
    }
    if (committedOrdinal > this.#committedSaid) this.#committedSaid = committedOrdinal;
    return this.#channel.write(encodeRecordsHead(committedOrdinal, bytes.length), bytes);
  }

  sendCommitted(ordinal: number): void {
    if (ordinal <= this.#committed) return;
    this.#committed = ordinal;
    if (this.#committedDue) return;
    this.#committedDue = true;
    setImmediate(() => {
      this.#committedDue = false;
      this.#flushCommitted();
    });
  }

  /** `frame` is called only when there is space; otherwise a fresh one is sent after the drain. */
  sendStatus(frame: () => Buffer = this.#modules.statusFrame): void {
    this.#statusDue = this.blocked;
    if (!this.blocked) this.#channel.guard(() => this.#channel.write(frame()));
  }

  sendProbe(round: number): void {
    // A replica may not read for hours: its disk is full.
    if (this.#channel.buffered > OVERRUN_BYTES_MAX) return;
    this.#channel.guard(() => this.#channel.write(encodeProbe(round)));
  }

  sendList(message: ListMessage): void {
    this.#channel.guard(() => this.#channel.write(encodeList(message)));
  }

  askDefinitions(query: DefinitionsQuery): void {
    this.#channel.guard(() => this.#channel.write(encodeDefinitionsQuery(query)));
  }

  sendDefinitions(reply: DefinitionsReply): void {
    this.#channel.guard(() => this.#channel.write(encodeDefinitionsReply(reply)));
  }

  askVerify(ask: VerifyAsk): void {
    const frame = encodeVerifyAsk(ask);
    this.#channel.guard(() => this.#channel.write(frame));
  }

  orderSeed(order: SeedOrder): void {
    this.#channel.guard(() => this.#channel.write(encodeSeedOrder(order)));
  }

  close(reason: string, code = 'LINK_ENDED'): void {
    this.#end(code, reason);
  }

  #end(code: string, message: string): void {
    this.#channel.close(new SkeinError(code, message), { tell: true });
  }

  /** Sends no heartbeat while the buffer is full: a stopped replica must not cost memory for each one. */
  #beat(): void {
    if (this.blocked) return;
    const clocks = { sentAtMs: Date.now(), uptimeMs: this.#modules.clock.nowMs() };
    this.#channel.write(encodeHeartbeat({ ...this.#modules.heartbeat(), ...clocks }));
  }

  #flushCommitted(): void {
    if (this.blocked || this.#committed <= this.#committedSaid) return;
    this.#committedSaid = this.#committed;
    this.#channel.write(encodeCommitted(this.#committed));
  }

  #drained(): void {
    this.#flushCommitted();
    if (this.#statusDue) this.sendStatus();
    this.onDrain.emit();
  }

  #frame(name: FrameName, payload: Buffer): void {
    if (name === 'ack') this.onAck.emit(decodeAck(payload));
    else if (name === 'heartbeat') this.#onHeartbeatFrame(decodeHeartbeat(payload));
    else if (name === 'adopted') this.onAdopted.emit(decodeAdopted(payload));
    else if (name === 'echo') this.#onEchoFrame(decodeEcho(payload));
    else if (name === 'definitionsQuery') this.onDefinitionsQuery.emit(decodeDefinitionsQuery(payload));
    else if (name === 'definitionsReply') this.onDefinitions.emit(decodeDefinitionsReply(payload));
    else if (name === 'verifyReply') this.onVerify.emit(decodeVerifyReply(payload));
    else if (name === 'refuse') this.#onRefuse(payload);
    else throw unexpectedFrame(name);
  }

  /** H1: a replica that has promised a newer epoch does not count in this one. */
  #follows(epoch: number): boolean {
    if (epoch <= this.#epoch) return true;
    this.#end('OLDER_EPOCH', `${this.node} knows epoch ${epoch}; this primary has epoch ${this.#epoch}.`);
    return false;
  }

  #onEchoFrame({ round, epoch }: Echo): void {
    if (this.#follows(epoch)) this.onEcho.emit(round);
  }

  #onHeartbeatFrame(heartbeat: Heartbeat): void {
    if (!this.#follows(heartbeat.epoch)) return;
    if (heartbeat.node !== this.node) {
      this.#end('FRAME_INVALID', `${this.node} sent a heartbeat with another node's name.`);
      return;
    }
    this.onHeartbeat.emit(heartbeat);
  }

  #onRefuse(payload: Buffer): void {
    const { code, message } = decodeRefuse(payload);
    this.#channel.close(new SkeinError(code, `${this.node} hung up: ${message}`), { tell: false });
  }

  #closed(error: SkeinError): void {
    this.#heartbeats.stop();
    this.#modules.closed(error);
    try {
      this.onClosed.emit(error.message);
    } catch (thrown) {
      // Called from socket events, where no caller could catch it. One failing listener must not end the process.
      const data = { replica: this.node, error: messageOf(thrown) };
      this.#modules.logger.error(data, 'a listener of a closed session failed');
    }
  }
}
