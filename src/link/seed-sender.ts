import { SkeinError } from '../model/error.js';
import type { Clock, Timer } from '../std/clock.js';
import { durationText } from '../std/duration-text.js';
import { Emitter } from '../std/emitter.js';
import { encodeSeedDataHead, SEED_DATA_BYTES_MAX } from '../wire/frames.js';
import {
  decodeRefuse,
  encodeSeedEnd,
  encodeSeedOffer,
  type SeedEnd,
  type SeedOffer,
  type SeedRequest,
} from '../wire/messages.js';
import type { Channel } from './channel.js';

/** A node that has asked for a snapshot, as the donor sees it. The connection carries nothing else. */
export interface SeedSession {
  readonly request: SeedRequest;
  /** `host:port` that it dials from. */
  readonly address: string;
  offer(offer: SeedOffer): void;
  /** Takes any number of bytes, which must not change until it resolves. Resolves also when the session has ended. */
  send(bytes: Buffer): Promise<void>;
  /** The snapshot is complete. The receiver hangs up when it has everything. */
  end(end: SeedEnd): void;
  /** Sends the reason why there is no snapshot, or no complete one, and hangs up. */
  refuse(code: string, message: string): void;
  /** Emitted once, whatever ended it; null = the receiver has everything. */
  readonly onClosed: Emitter<SkeinError | null>;
}

/**
 * Interval of empty pieces while the donor waits for a lock and has nothing to send, so that the receiver does not give it
 * up.
 */
const STILL_HERE_MS = 1_000;
/** A receiver that takes nothing for this long is given up: the snapshot and its programs hold memory and locks. */
const STUCK_MS = 120_000;

export class SeedSender implements SeedSession {
  readonly request: SeedRequest;
  readonly address: string;
  readonly onClosed = new Emitter<SkeinError | null>();
  readonly #channel: Channel;
  readonly #clock: Clock;
  /** Since when the receiver has to take something; null = it has what there was. Monotonic. */
  #waitingSinceMs: number | null = null;
  #taken: () => void = () => {};
  #timer: Timer | null = null;
  #ended = false;

  constructor(
    channel: Channel,
    options: { request: SeedRequest; address: string },
    modules: { clock: Clock; closed(): void },
  ) {
    this.request = options.request;
    this.address = options.address;
    this.#channel = channel;
    this.#clock = modules.clock;
    channel.handOver(['refuse'], {
      frame: (_name, payload) => this.#refused(payload),
      closed: (error) => {
        modules.clock.clearTimer(this.#timer);
        this.#taken();
        modules.closed();
        this.onClosed.emit(this.#ended && error.code === 'LINK_CLOSED' ? null : error);
      },
    });
    this.#look();
  }

  offer(offer: SeedOffer): void {
    this.#channel.guard(() => this.#channel.write(encodeSeedOffer(offer)));
  }

  async send(bytes: Buffer): Promise<void> {
    this.#waitingSinceMs = this.#clock.nowMs();
    for (let at = 0; at < bytes.length; at += SEED_DATA_BYTES_MAX) {
      const piece = bytes.subarray(at, at + SEED_DATA_BYTES_MAX);
      await new Promise<void>((resolve) => {
        this.#taken = resolve;
        if (this.#channel.closed) resolve();
        else this.#channel.write(encodeSeedDataHead(piece.length), piece, resolve);
      });
    }
    this.#waitingSinceMs = null;
  }

  end(end: SeedEnd): void {
    this.#ended = true;
    this.#waitingSinceMs = this.#clock.nowMs();
    this.#channel.guard(() => this.#channel.write(encodeSeedEnd(end)));
  }

  refuse(code: string, message: string): void {
    this.#channel.close(new SkeinError(code, message), { tell: true });
  }

  #look(): void {
    this.#timer = this.#clock.setTimer(STILL_HERE_MS, () => {
      if (this.#channel.closed) return;
      this.#look();
      if (this.#waitingSinceMs === null) {
        this.#channel.guard(() => this.#channel.write(encodeSeedDataHead(0)));
        return;
      }
      const stuckMs = this.#clock.nowMs() - this.#waitingSinceMs;
      if (stuckMs < STUCK_MS) return;
      const message = `${this.request.node} has taken nothing of the snapshot for ${durationText(stuckMs)}.`;
      this.#channel.close(new SkeinError('SEED_STUCK', message), { tell: false });
    });
  }

  #refused(payload: Buffer): void {
    const { code, message } = decodeRefuse(payload);
    const text = `${this.request.node} hung up: ${message}`;
    this.#channel.close(new SkeinError(code, text), { tell: false });
  }
}
