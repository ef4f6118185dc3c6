import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { SkeinError } from '../model/error.js';
import { type Clock, systemClock, type Timer } from '../std/clock.js';
import { durationText } from '../std/duration-text.js';
import { LentPieces } from '../std/lent-pieces.js';
import type { TlsSource } from '../std/tls-source.js';
import { type FrameName, NONCE_SIZE, unexpectedFrame } from '../wire/frames.js';
import {
  decodeRefuse,
  decodeSeedEnd,
  decodeSeedOffer,
  encodeSeedRequest,
  type SeedEnd,
  type SeedOffer,
  type SeedRequest,
} from '../wire/messages.js';
import { Channel } from './channel.js';
import { connectLink } from './connect.js';
import { acceptedIn, dialerStart, type HandshakeState, handshakeStep, linkIdentity } from './handshake.js';
import { ReadBuffer } from './read-buffer.js';

export interface SeedDialOptions {
  /** Of the donor's link port. */
  readonly host: string;
  readonly port: number;
  readonly cluster: string;
  /** At least 16 bytes. */
  readonly secret: string | Uint8Array;
  readonly tls?: TlsSource | null;
  readonly stepDeadlineMs?: number;
  /** A donor that sends nothing for this long counts as gone. */
  readonly silentMs?: number;
}

const STEP_DEADLINE_MS = 5_000;
const SILENT_MS = 10_000;
/** Of one read: some milliseconds of a fast network, so that few reads and writes of files are needed. */
const READ_BYTES = 512 * 1024;

/** A snapshot that is on its way. */
export interface SeedStream {
  readonly offer: SeedOffer;
  /**
   * The bytes of the snapshot; a piece is valid until the next one is asked for, and the donor is slowed down meanwhile. Fails
   * when the snapshot is not complete. It is read once.
   */
  readonly body: AsyncIterable<Buffer>;
  /** The snapshot is not wanted any more: tells the donor. */
  stop(): void;
  /** Known once `body` has ended. */
  end(): SeedEnd | null;
}

/**
 * Asks a donor for a snapshot, on a connection of its own. Both sides prove that they know the secret, as on any link. After
 * that the connection carries the snapshot only.
 * @throws SkeinError LINK_UNREACHABLE, LINK_TLS_FAILED, those of the handshake, and what the donor refuses with; the
 *   signal's reason
 */
export async function dialSeed(
  options: SeedDialOptions,
  request: SeedRequest,
  signal: AbortSignal,
  clock: Clock = systemClock,
): Promise<SeedStream> {
  const reads = options.tls ? undefined : new ReadBuffer(READ_BYTES);
  const { host, port, tls, stepDeadlineMs: deadlineMs = STEP_DEADLINE_MS } = options;
  const socket = await connectLink(
    { host, port },
    { peer: 'the donor', tls, deadlineMs, reads },
    signal,
    clock,
  );
  return await new Promise<SeedStream>((resolve, reject) => {
    new SeedReceiver(socket, reads, options, request, { clock, signal, resolve, reject });
  });
}

interface ReceiverModules {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  resolve(stream: SeedStream): void;
  reject(error: unknown): void;
}

class SeedReceiver {
  readonly #channel: Channel;
  readonly #options: SeedDialOptions;
  readonly #request: SeedRequest;
  readonly #modules: ReceiverModules;
  readonly #body: LentPieces;
  #handshake: HandshakeState;
  #deadline: Timer | null = null;
  #end: SeedEnd | null = null;
  #received = 0;
  #hasOffer = false;

  constructor(
    socket: Socket,
    reads: ReadBuffer | undefined,
    options: SeedDialOptions,
    request: SeedRequest,
    modules: ReceiverModules,
  ) {
    this.#options = options;
    this.#request = request;
    this.#modules = modules;
    const first = dialerStart(randomBytes(NONCE_SIZE));
    this.#handshake = first.state;
    this.#body = new LentPieces({ wanted: () => this.#channel.resume(), stopped: () => this.#hangUp() });
    const holder = {
      frame: (name: FrameName, payload: Buffer) => this.#frame(name, payload),
      piece: (bytes: Buffer) => this.#piece(bytes),
      closed: (error: SkeinError) => this.#closed(error),
    };
    this.#channel = new Channel(socket, acceptedIn(first.state), holder, { reads, clock: modules.clock });
    if (first.send !== null) this.#channel.write(first.send);
    modules.signal.addEventListener('abort', this.#giveUp, { once: true });
    this.#arm(options.stepDeadlineMs ?? STEP_DEADLINE_MS);
  }

  readonly #giveUp = (): void => {
    this.#channel.close(new SkeinError('SEED_ENDED', 'The receiver gave the snapshot up.'), { tell: true });
  };

  /** Only when the reader has no piece any more: a channel that closes reads on, into the memory of the pieces. */
  #hangUp(): void {
    if (this.#end === null) this.#giveUp();
    else this.#channel.close(new SkeinError('SEED_RECEIVED', 'The snapshot has arrived.'), { tell: false });
  }

  /** The donor is silent for `ms`, and not because it is kept from sending. */
  #arm(ms: number): void {
    const { clock } = this.#modules;
    clock.clearTimer(this.#deadline);
    this.#deadline = clock.setTimer(ms, () => {
      const silentMs = clock.nowMs() - this.#channel.heardAtMs;
      if (this.#channel.paused || silentMs < ms) {
        this.#arm(ms);
        return;
      }
      const text = `The donor has sent nothing for ${durationText(silentMs)}.`;
      this.#channel.close(new SkeinError('LINK_SILENT', text), { tell: false });
    });
  }

  #frame(name: FrameName, payload: Buffer): void {
    // An empty piece: the donor is there.
    if (name === 'seedData') return;
    if (name === 'seedEnd') this.#complete(decodeSeedEnd(payload));
    else if (name === 'seedOffer') this.#offered(decodeSeedOffer(payload));
    else if (name === 'refuse') this.#refused(payload);
    else this.#proof(name, payload);
  }

  #proof(name: FrameName, payload: Buffer): void {
    const identity = linkIdentity(this.#options.cluster, this.#options.secret);
    const step = handshakeStep(identity, this.#handshake, name, payload);
    this.#handshake = step.state;
    if (step.send !== null) this.#channel.write(step.send);
    if (step.state.kind === 'refused') {
      this.#channel.close(step.state.error, { tell: step.state.tell });
      return;
    }
    this.#channel.tellFaults = true;
    // Empty pieces say that the donor is there while it prepares its offer: obtaining its programs may take minutes.
    this.#channel.accept(['seedOffer', 'seedData', 'refuse']);
    this.#channel.write(encodeSeedRequest(this.#request));
    // From here on the donor may need time; it sends empty pieces meanwhile.
    this.#arm(this.#options.silentMs ?? SILENT_MS);
  }

  #offered(offer: SeedOffer): void {
    this.#hasOffer = true;
    this.#channel.accept(['seedData', 'seedEnd', 'refuse']);
    const body = this.#body;
    this.#modules.resolve({ offer, body, stop: () => body.stop(), end: () => this.#end });
  }

  #piece(bytes: Buffer): void {
    if (!this.#hasOffer) throw unexpectedFrame('seedData');
    this.#received += bytes.length;
    // The socket reads into the same memory again.
    this.#channel.pause();
    this.#body.give(bytes);
  }

  #complete(end: SeedEnd): void {
    if (end.bytes !== this.#received) {
      const text = `The donor sent ${end.bytes} bytes of the snapshot, ${this.#received} arrived.`;
      throw new SkeinError('SEED_INCOMPLETE', text);
    }
    this.#end = end;
    this.#body.end();
  }

  #refused(payload: Buffer): void {
    const { code, message } = decodeRefuse(payload);
    this.#channel.close(new SkeinError(code, message), { tell: false });
  }

  #closed(error: SkeinError): void {
    const { clock, signal, reject } = this.#modules;
    clock.clearTimer(this.#deadline);
    signal.removeEventListener('abort', this.#giveUp);
    if (this.#end !== null) return;
    const reason = signal.aborted ? signal.reason : error;
    reject(reason);
    this.#body.end(reason);
  }
}
