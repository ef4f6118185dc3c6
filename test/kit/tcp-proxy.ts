import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { sleep } from '../../src/std/timing.js';
import { type Random, seededRandom } from './random.js';

/** From the view of who dials the proxy: `up` goes to the target, `down` comes back. */
export type Direction = 'up' | 'down';

interface Fault {
  delayMs: number;
  held: boolean;
  bytesPerSecond: number;
  /** Chance for each chunk to be held for `lossStallMs`, as a lost packet is until it is sent again. */
  lossChance: number;
  lossStallMs: number;
  /** Mean number of bytes after which the connection is reset; 0 = never. */
  resetAfterBytes: number;
}

const HEALTHY: Fault = {
  delayMs: 0,
  held: false,
  bytesPerSecond: 0,
  lossChance: 0,
  lossStallMs: 0,
  resetAfterBytes: 0,
};

/** More than this waiting in the proxy for one direction, and it stops reading: the sender feels back-pressure. */
const WAITING_BYTES_MAX = 256 * 1024;

/** Between two looks whether the target of a mirroring proxy listens again. */
const MIRROR_INTERVAL_MS = 30;

/**
 * A TCP proxy that does on purpose what networks do by accident. Faults hold for present and new connections until
 * `heal()`. A *held* direction behaves like a cut cable, not like a closed socket: nothing is lost, nothing arrives, no
 * FIN or RST passes, and when it heals TCP goes on; only `reset()` and `refuse()` are seen at once by both ends.
 */
export class TcpProxy {
  readonly #server: Server;
  readonly #target: { host: string; port: number };
  readonly #pairs = new Set<Pair>();
  readonly #random: Random;
  readonly #faults: Record<Direction, Fault> = { up: { ...HEALTHY }, down: { ...HEALTHY } };
  #refusing = false;
  readonly #mirrors: boolean;
  #isClosed = false;
  /** Until the target listens again, when it does not. */
  #away: Promise<void> | null = null;
  /** Connections accepted since the start. */
  accepted = 0;

  private constructor(target: { host: string; port: number }, seed: number, mirrors: boolean) {
    this.#target = target;
    this.#mirrors = mirrors;
    this.#random = seededRandom(seed);
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket));
  }

  static async start(options: {
    target: { host?: string; port: number };
    port?: number;
    seed?: number;
    /** Refuses connections as long as the target does: a dead process looks dead through the proxy too. Needs a `port`. */
    mirrors?: boolean;
  }): Promise<TcpProxy> {
    const { target, port = 0, seed = 1, mirrors = false } = options;
    const proxy = new TcpProxy({ host: target.host ?? '127.0.0.1', port: target.port }, seed, mirrors);
    await proxy.#listen(port);
    return proxy;
  }

  async #listen(port: number): Promise<void> {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  get connections(): number {
    return this.#pairs.size;
  }

  /** Cable cut, both ways: connections stay open and go silent; new ones are accepted and stay silent. */
  cut(): void {
    this.cutOneWay('up');
    this.cutOneWay('down');
  }

  /** Half-open: one direction goes silent, the other still works. */
  cutOneWay(direction: Direction): void {
    this.#faults[direction].held = true;
    this.#apply();
  }

  delay(ms: number): void {
    this.#faults.up.delayMs = ms;
    this.#faults.down.delayMs = ms;
    this.#apply();
  }

  limit(bytesPerSecond: number): void {
    this.#faults.up.bytesPerSecond = bytesPerSecond;
    this.#faults.down.bytesPerSecond = bytesPerSecond;
    this.#apply();
  }

  /** Packet loss as an application sees it: pauses of `stallMs`, and now and then a broken connection. */
  loss(options: { chance: number; stallMs?: number; resetAfterBytes?: number }): void {
    for (const direction of ['up', 'down'] as const) {
      this.#faults[direction].lossChance = options.chance;
      this.#faults[direction].lossStallMs = options.stallMs ?? 200;
      this.#faults[direction].resetAfterBytes = options.resetAfterBytes ?? 0;
    }
    this.#apply();
  }

  /** Breaks every present connection (RST); new ones are served. */
  reset(): void {
    for (const pair of this.#pairs) pair.destroy();
  }

  /** Breaks every connection and answers new ones with an immediate reset, as a host without a listener. */
  refuse(): void {
    this.#refusing = true;
    this.reset();
  }

  heal(): void {
    this.#refusing = false;
    Object.assign(this.#faults.up, HEALTHY);
    Object.assign(this.#faults.down, HEALTHY);
    this.#apply();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.reset();
    await this.#away;
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, 'close');
  }

  /** Resolves when the proxy refuses connections if the target does. */
  async #mirror(): Promise<void> {
    if (!this.#mirrors || this.#away || (await this.#isListening())) return;
    if (this.#away || this.#isClosed) return;
    const { port } = this;
    // Open connections go on; only new ones are refused.
    this.#server.close();
    this.#away = this.#untilBack(port);
  }

  async #untilBack(port: number): Promise<void> {
    while (!this.#isClosed && !(await this.#isListening())) await sleep(MIRROR_INTERVAL_MS);
    if (!this.#isClosed) await this.#listen(port);
    this.#away = null;
  }

  #isListening(): Promise<boolean> {
    return new Promise((resolve) => {
      const probe = connect(this.#target);
      probe.once('connect', () => resolve(true)).once('error', () => resolve(false));
      probe.once('connect', () => probe.destroy());
    });
  }

  #apply(): void {
    for (const pair of this.#pairs) pair.faultsChanged();
  }

  #accept(client: Socket): void {
    this.accepted += 1;
    if (this.#refusing) {
      client.on('error', () => {});
      client.resetAndDestroy();
      return;
    }
    const target = connect({ ...this.#target, allowHalfOpen: true, noDelay: true });
    const pair = new Pair(client, target, {
      ...{ faults: this.#faults, random: this.#random },
      targetEnded: () => this.#mirror(),
      closed: () => this.#pairs.delete(pair),
    });
    this.#pairs.add(pair);
  }
}

interface PairOptions {
  readonly faults: Record<Direction, Fault>;
  readonly random: Random;
  /** The target has closed the connection, or it broke there; the client hears of it when this has resolved. */
  targetEnded(): Promise<void>;
  closed(): void;
}

class Pair {
  readonly #ends: Socket[];
  readonly #lanes: Lane[];
  #closed = false;
  readonly #options: PairOptions;

  constructor(client: Socket, target: Socket, options: PairOptions) {
    this.#options = options;
    this.#ends = [client, target];
    const { faults, random, targetEnded } = options;
    const broken = () => this.destroy();
    this.#lanes = [
      new Lane(client, target, { fault: faults.up, random, broken, ended: async () => {} }),
      new Lane(target, client, { fault: faults.down, random, broken, ended: targetEnded }),
    ];
    for (const end of this.#ends) {
      end.on('close', () => {
        if (this.#ends.every((socket) => socket.destroyed)) this.destroy();
      });
    }
  }

  faultsChanged(): void {
    for (const lane of this.#lanes) lane.faultsChanged();
  }

  destroy(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const lane of this.#lanes) lane.stop();
    for (const end of this.#ends) end.resetAndDestroy();
    this.#options.closed();
  }
}

interface Waiting {
  bytes: Buffer | null;
  /** How the sender's stream ended, when `bytes` is null. */
  end: 'fin' | 'error' | null;
  dueMs: number;
}

interface LaneOptions {
  readonly fault: Fault;
  readonly random: Random;
  broken(): void;
  ended(): Promise<void>;
}

/** One direction of one connection: a queue of chunks, each with the time at which it may leave. */
class Lane {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #fault: Fault;
  readonly #random: Random;
  readonly #broken: () => void;
  #queue: Waiting[] = [];
  #waitingBytes = 0;
  #lastDueMs = 0;
  #resetIn: number;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(from: Socket, to: Socket, { fault, random, broken, ended }: LaneOptions) {
    this.#from = from;
    this.#to = to;
    this.#fault = fault;
    this.#random = random;
    this.#broken = broken;
    this.#resetIn = this.#drawReset();
    from.on('data', (bytes: Buffer) => this.#push(bytes, null));
    from.on('end', () => void ended().then(() => this.#push(null, 'fin')));
    from.on('error', () => void ended().then(() => this.#push(null, 'error')));
    to.on('drain', () => this.#pump());
  }

  faultsChanged(): void {
    this.#resetIn = this.#drawReset();
    this.#pump();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#queue = [];
  }

  #drawReset(): number {
    const mean = this.#fault.resetAfterBytes;
    return mean > 0 ? -Math.log(1 - this.#random.next()) * mean : Number.POSITIVE_INFINITY;
  }

  #push(bytes: Buffer | null, end: 'fin' | 'error' | null): void {
    if (this.#stopped) return;
    const size = bytes?.length ?? 0;
    this.#resetIn -= size;
    if (this.#resetIn <= 0) {
      this.#broken();
      return;
    }
    const now = performance.now();
    let dueMs = Math.max(now + this.#fault.delayMs, this.#lastDueMs);
    if (this.#fault.lossChance > 0 && this.#random.chance(this.#fault.lossChance)) {
      dueMs += this.#fault.lossStallMs;
    }
    if (this.#fault.bytesPerSecond > 0) dueMs += (size / this.#fault.bytesPerSecond) * 1000;
    this.#lastDueMs = dueMs;
    this.#queue.push({ bytes, end, dueMs });
    this.#waitingBytes += size;
    if (this.#waitingBytes > WAITING_BYTES_MAX) this.#from.pause();
    this.#pump();
  }

  #pump(): void {
    clearTimeout(this.#timer);
    while (!this.#stopped && !this.#fault.held && !this.#to.writableNeedDrain) {
      const next = this.#queue[0];
      if (!next) break;
      const waitMs = next.dueMs - performance.now();
      if (waitMs > 0.5) {
        this.#timer = setTimeout(() => this.#pump(), waitMs);
        return;
      }
      this.#queue.shift();
      this.#deliver(next);
    }
  }

  #deliver(next: Waiting): void {
    if (next.end === 'error') {
      this.#broken();
    } else if (next.end === 'fin') {
      this.#to.end();
    } else if (next.bytes) {
      this.#to.write(next.bytes);
      this.#waitingBytes -= next.bytes.length;
      if (this.#waitingBytes <= WAITING_BYTES_MAX / 2) this.#from.resume();
    }
  }
}
