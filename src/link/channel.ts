import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { isSkeinError, messageOf, SkeinError } from '../model/error.js';
import type { LinkAddress } from '../model/members.js';
import { type Clock, systemClock } from '../std/clock.js';
import type { FrameName } from '../wire/frames.js';
import { encodeRefuse, type Refuse } from '../wire/messages.js';
import { FrameSplitter } from '../wire/splitter.js';
import type { ReadBuffer } from './read-buffer.js';

/** How long a closing channel may take to send its last frame before it is cut. */
const FAREWELL_MS = 500;
/** TCP keep-alive notices a peer that lost power. Heartbeats notice sooner, but not while reading is paused. */
const KEEP_ALIVE_MS = 5000;

/**
 * Buffer for the frames of one turn of the event loop, which leave in one write. Copying 30 KB costs less than another
 * write and another wake-up of the reader. Larger frames are written directly.
 */
const OUT_BYTES = 64 * 1024;

/** The current owner of the channel: first the handshake, then the session. */
export interface ChannelHolder {
  frame(name: FrameName, payload: Buffer): void;
  /** With it, bytes of a snapshot come here: valid until this returns, or, after `pause`, until `resume`. */
  piece?(bytes: Buffer): void;
  /** Called once, whatever ended it. `error.code` is LINK_CLOSED when the peer hung up in order. */
  closed(error: SkeinError): void;
  drained?(): void;
}

/**
 * One connection that carries frames, over any Duplex, so that TLS can be below it. It knows neither handshake nor roles.
 * It allocates neither promises nor buffers for each frame.
 */
export class Channel {
  readonly #stream: Duplex;
  readonly #clock: Clock;
  #holder: ChannelHolder;
  readonly #splitter: FrameSplitter;
  #closed = false;
  #out: Buffer | null = null;
  /** The part of #out that has not been given to the stream. */
  #outFrom = 0;
  #outTo = 0;
  #flushDue = false;
  bytesSent = 0;
  bytesReceived = 0;
  /** The first bytes that came; they show what kind of client an unauthenticated peer is. */
  opening: Buffer = Buffer.alloc(0);
  /** Set once the peer is authenticated: then it is told why its connection is closed. */
  tellFaults = false;
  /** Monotonic. */
  heardAtMs: number;

  constructor(
    stream: Duplex,
    accepted: readonly FrameName[],
    holder: ChannelHolder,
    { reads, clock = systemClock }: { reads?: ReadBuffer | undefined; clock?: Clock } = {},
  ) {
    this.#stream = stream;
    this.#clock = clock;
    this.heardAtMs = clock.nowMs();
    this.#holder = holder;
    this.#splitter = new FrameSplitter(
      accepted,
      (name, payload) => this.#holder.frame(name, payload),
      holder.piece ? (bytes) => this.#holder.piece?.(bytes) : null,
    );
    if (stream instanceof Socket) {
      stream.setNoDelay(true);
      stream.setKeepAlive(true, KEEP_ALIVE_MS);
    }
    if (reads) {
      reads.take = this.#onData;
      stream.resume();
    } else {
      stream.on('data', this.#onData);
    }
    stream.on('end', this.#onEnd);
    stream.on('drain', () => this.guard(() => this.#holder.drained?.()));
    stream.on('error', (error) => this.#fail(lost(error)));
    stream.on('close', () => this.#fail(new SkeinError('LINK_LOST', 'The connection is gone.')));
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** The peer does not keep up, or is gone: write nothing before `drained`. */
  get blocked(): boolean {
    return this.#closed || this.#stream.writableNeedDrain;
  }

  /** Bytes that wait in this process for the socket. */
  get buffered(): number {
    return this.#stream.writableLength + this.#outTo - this.#outFrom;
  }

  get paused(): boolean {
    return this.#stream.isPaused();
  }

  accept(names: readonly FrameName[]): void {
    this.#splitter.accept(names);
  }

  /** From the next frame on, `holder` gets the frames. */
  handOver(accepted: readonly FrameName[], holder: ChannelHolder): void {
    this.#holder = holder;
    this.#splitter.accept(accepted);
  }

  /** An exception in `action` ends this connection, never the process. */
  guard(action: () => void): void {
    if (this.#closed) return;
    try {
      action();
    } catch (error) {
      this.close(asLinkError(error), { tell: this.tellFaults });
    }
  }

  /** False: the buffer is full, wait for `drained`. `tail` must not be changed any more, or, with `taken`, not before that is called. */
  write(frame: Buffer, tail?: Buffer, taken?: () => void): boolean {
    if (this.#closed) return false;
    this.bytesSent += frame.length + (tail?.length ?? 0);
    this.#put(frame);
    if (tail) this.#put(tail, taken);
    if (!this.#flushDue) {
      this.#flushDue = true;
      process.nextTick(this.#flushTurn);
    }
    return !this.#stream.writableNeedDrain;
  }

  /** Frames of the current chunk are still delivered (128 KiB at most). */
  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    if (!this.#closed) this.#stream.resume();
  }

  /** Ends the connection after the buffered frames; with `tell` the peer gets the reason, if it still reads. */
  close(error: SkeinError, options: { tell: boolean }): void {
    if (this.#closed) return;
    if (this.blocked) {
      this.#stream.destroy();
    } else {
      if (options.tell) this.write(encodeRefuse(refuseOf(error)));
      this.#finish();
    }
    this.#fail(error);
  }

  #finish(): void {
    this.#flush();
    this.#stream.end();
    const timer = setTimeout(() => this.#stream.destroy(), FAREWELL_MS);
    this.#stream.once('close', () => clearTimeout(timer));
    // Incoming data is dropped, but must be read: otherwise the end of the stream is never seen.
    this.#stream.resume();
  }

  #put(bytes: Buffer, taken?: () => void): void {
    if (taken || bytes.length > OUT_BYTES) {
      // In one write with what is before it.
      this.#stream.cork();
      this.#flush();
      this.#stream.write(bytes, taken);
      this.#stream.uncork();
      return;
    }
    if (this.#out === null || this.#outTo + bytes.length > OUT_BYTES) this.#renew();
    this.#out?.set(bytes, this.#outTo);
    this.#outTo += bytes.length;
  }

  #renew(): void {
    this.#flush();
    if (this.#out !== null && this.#outTo === 0) return;
    this.#out = Buffer.allocUnsafeSlow(OUT_BYTES);
    this.#outFrom = 0;
    this.#outTo = 0;
  }

  #flush(): void {
    if (this.#out === null || this.#outFrom === this.#outTo) return;
    this.#stream.write(this.#out.subarray(this.#outFrom, this.#outTo));
    this.#outFrom = this.#outTo;
    // When the stream holds nothing, the kernel has copied everything: reuse the buffer.
    if (this.#stream.writableLength === 0) {
      this.#outFrom = 0;
      this.#outTo = 0;
    }
  }

  readonly #flushTurn = (): void => {
    this.#flushDue = false;
    if (!this.#closed) this.#flush();
  };

  readonly #onData = (chunk: Buffer): void => {
    if (this.#closed) return;
    this.heardAtMs = this.#clock.nowMs();
    if (this.bytesReceived === 0) this.opening = Buffer.from(chunk.subarray(0, 8));
    this.bytesReceived += chunk.length;
    this.guard(() => this.#splitter.push(chunk));
  };

  readonly #onEnd = (): void => {
    try {
      this.#splitter.end();
      this.#fail(new SkeinError('LINK_CLOSED', 'The peer closed the connection.'));
    } catch (error) {
      this.#fail(asLinkError(error));
    }
  };

  #fail(error: SkeinError): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#splitter.stop();
    if (!this.#stream.writableEnded) this.#stream.destroy();
    this.#holder.closed(error);
  }
}

function lost(error: unknown): SkeinError {
  return new SkeinError('LINK_LOST', `The connection broke: ${messageOf(error)}`, { cause: error });
}

function asLinkError(error: unknown): SkeinError {
  if (isSkeinError(error)) return error;
  return new SkeinError('LINK_INTERNAL', `A frame could not be processed: ${messageOf(error)}`, {
    cause: error,
  });
}

function refuseOf({ code, message, data }: SkeinError): Refuse {
  const { primary } = data as { primary?: LinkAddress };
  return { code, message, ...(primary && { primary }) };
}
