import { randomBytes } from 'node:crypto';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { LogFlavour } from '../flavour/flavour.js';
import type { SourceReply } from '../flavour/source-side.js';
import { isSkeinError, messageOf, SkeinError } from '../model/error.js';
import { ERRNO } from '../mysql-protocol/errno.js';
import { CAPABILITY, decodeLogin, encodeGreeting } from '../mysql-protocol/login.js';
import { isRightAnswer } from '../mysql-protocol/login-method.js';
import { encodeErr, OK_PAYLOAD, type Packet, PacketSplitter, packet } from '../mysql-protocol/packets.js';
import { Batcher } from '../std/batcher.js';
import type { Logger } from '../std/logger.js';
import { LAST_FRAGMENT, type RecordHeader } from '../wire/record.js';
import { type Admitted, DumpStream, type RecordReader } from './dump-stream.js';

/**
 * Acts as the replication source of the local server: the server's IO thread connects here, logs in, sends the GTID up to
 * which it has everything, and gets the groups after it from the spool. Only what is committed is released (the gate). It
 * decides nothing about roles and never talks SQL to the server.
 */
export interface EndpointOptions {
  user: string;
  password: string;
  /** Shown to the server as its source's id. */
  serverId: number;
}

export interface EndpointModules {
  logger: Logger;
  flavour: LogFlavour;
  spool: EndpointSpool;
  /** The cluster's commit position; only grows while the chain is followed. */
  committed(): number;
  /** The GTID of the group with this ordinal in the history that this node knows. */
  nameOf(ordinal: number): string;
  /** What a server reports whose last transaction is the one with this GTID and this ordinal; '' and 0 = none. */
  reported(gtid: string, ordinal: number): string;
  /** A group that is DDL is held until this resolves, while everything before it is sent. Rejects: the dump is refused. */
  beforeDdl(ddl: HeldDdl, signal: AbortSignal): Promise<void>;
  /** A dump could not be served or had to be cut. Reported, because the server would only retry. */
  refused(error: SkeinError): void;
}

export interface HeldDdl {
  readonly ordinal: number;
  /** Empty when it cannot be read here. */
  readonly statement: string;
}

export interface EndpointSpool {
  readonly begin: number;
  readonly end: { ordinal: number; gtid: string };
  readonly format: Buffer | null;
  reader(fromOrdinal: number): RecordReader;
}

type DumpWish = Pick<Extract<SourceReply, { kind: 'dump' }>, 'after' | 'heartbeatMs'>;

const CAPABILITIES =
  CAPABILITY.longPassword |
  CAPABILITY.longFlag |
  CAPABILITY.connectWithDb |
  CAPABILITY.protocol41 |
  CAPABILITY.transactions |
  CAPABILITY.secureConnection |
  CAPABILITY.pluginAuth;

/** Batching time of released groups, while releases follow each other closely. */
const RELEASE_WAIT_MS = 2;
/** One IO thread, and one more while it reconnects; other clients of this loopback port are refused. */
const CONNECTIONS_MAX = 8;
const LOGIN_DEADLINE_MS = 10_000;
/** Interval at which a server that is ahead of the spool checks again. */
const AHEAD_LOOK_MS = 1_000;

export class Endpoint {
  readonly #options: EndpointOptions;
  readonly #modules: EndpointModules;
  readonly #sockets = new Set<Socket>();
  readonly #waiters = new Set<() => void>();
  readonly #releases = new Batcher(RELEASE_WAIT_MS, () => this.#wake());
  #server: Server | null = null;
  #connectionId = 0;
  /** Value of `#releasable` when the streams were last notified. */
  #released = -1;
  /** Nothing beyond this is released; null = there is no hold. */
  #limit: number | null = null;
  /** The server may have got groups up to this ordinal; null before its first dump. */
  #given: number | null = null;

  constructor(options: EndpointOptions, modules: EndpointModules) {
    this.#options = options;
    this.#modules = modules;
  }

  /** Listens on a free loopback port. */
  async start(): Promise<number> {
    const server = createServer((socket) => this.#accept(socket));
    server.maxConnections = CONNECTIONS_MAX;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', resolve);
    });
    this.#server = server;
    return (server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    this.#releases.stop();
    this.disconnect();
    const server = this.#server;
    if (server) await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  /** Cuts every dump; the server's IO thread dials again by itself. */
  disconnect(): void {
    for (const socket of this.#sockets) socket.destroy();
    // The next groups may reuse the ordinals of those that were cut.
    this.#released = -1;
    this.#wake();
  }

  /** A commit position or new records arrived, so more may be released. */
  changed(): void {
    const releasable = this.#releasable();
    if (releasable === this.#released) return;
    this.#released = releasable;
    this.#releases.ask();
  }

  /**
   * From now on the server gets no new groups. Returns the ordinal up to which it may have got groups; null when that is
   * unknown, and then there is no hold. The spool goes on receiving and acknowledging.
   */
  hold(): number | null {
    if (this.#given === null) return null;
    this.#limit = this.#given;
    return this.#given;
  }

  /** Moves the hold to this ordinal, which is not below what the server has got. */
  holdAt(ordinal: number): void {
    this.#limit = ordinal;
    this.changed();
  }

  /** Ends the hold. */
  letGo(): void {
    if (this.#limit === null) return;
    this.#limit = null;
    this.changed();
  }

  #wake(): void {
    for (const wake of this.#waiters) wake();
  }

  #releasable(): number {
    const releasable = Math.min(this.#modules.committed(), this.#modules.spool.end.ordinal);
    return this.#limit === null ? releasable : Math.min(releasable, this.#limit);
  }

  /** The ordinal up to which a dump may send; notes that the server may get groups up to there. */
  #give(): number {
    const releasable = this.#releasable();
    this.#given = Math.max(this.#given ?? 0, releasable);
    return releasable;
  }

  #waitForChange(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#waiters.delete(done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#waiters.add(done);
    });
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', (error) =>
      this.#modules.logger.debug({ reason: error.message }, 'endpoint connection failed'),
    );
    socket.setTimeout(LOGIN_DEADLINE_MS, () => socket.destroy());
    const session = this.#session();
    const splitter = new PacketSplitter();
    socket.write(session.greeting);
    socket.on('data', (chunk: Buffer) => {
      try {
        splitter.push(chunk);
        for (let payload = splitter.next(); payload; payload = splitter.next())
          session.take({ sequence: splitter.sequence, payload }, socket);
      } catch (error) {
        this.#modules.logger.warn({ reason: messageOf(error) }, 'endpoint connection cut');
        socket.destroy();
      }
    });
  }

  #session() {
    const nonce = randomNonce();
    const { sourceSide } = this.#modules.flavour;
    const conversation = sourceSide.conversation({ serverId: this.#options.serverId });
    let loggedIn = false;
    const greeting = packet(
      0,
      encodeGreeting(
        {
          serverVersion: sourceSide.serverVersion,
          connectionId: ++this.#connectionId,
          nonce,
          plugin: sourceSide.login.plugin,
        },
        CAPABILITIES,
      ),
    );
    const take = (got: Packet, socket: Socket) => {
      if (!loggedIn) {
        loggedIn = this.#login(got, nonce, socket);
        return;
      }
      const reply = conversation.answer(got.payload);
      if (reply.kind === 'send') socket.write(reply.bytes);
      else if (reply.kind === 'quit') socket.end();
      else if (reply.kind === 'dump') this.#dump(socket, reply);
      else {
        this.#modules.logger.warn({ statement: reply.statement }, 'endpoint got an unknown command');
        socket.write(reply.bytes);
      }
    };
    return { greeting, take };
  }

  #login(got: Packet, nonce: Buffer, socket: Socket): boolean {
    const login = decodeLogin(got.payload);
    const { login: method } = this.#modules.flavour.sourceSide;
    const { user, password } = this.#options;
    const known = login.user === user && isRightAnswer(method, { password, nonce, answer: login.answer });
    if (!known) {
      this.#modules.logger.warn({ user: login.user.slice(0, 80) }, 'endpoint login refused');
      const message = 'Access denied: only the local server may read here.';
      socket.end(
        packet(got.sequence + 1, encodeErr({ errno: ERRNO.accessDenied, sqlState: '28000', message })),
      );
      return false;
    }
    let sequence = got.sequence;
    if (method.accepted) socket.write(packet(++sequence, method.accepted));
    socket.write(packet(++sequence, OK_PAYLOAD));
    socket.setTimeout(0);
    return true;
  }

  #dump(socket: Socket, wish: DumpWish): void {
    const { logger } = this.#modules;
    this.#serve(socket, wish).catch((error: unknown) => {
      if (socket.destroyed && !isSkeinError(error)) return;
      const refusal = isSkeinError(error)
        ? error
        : new SkeinError('ENDPOINT_FAILED', `Serving the local server failed: ${messageOf(error)}.`, {
            cause: error,
          });
      logger.error(
        { code: refusal.code, reason: refusal.message, after: wish.after },
        'dump for the local server refused',
      );
      socket.end(
        packet(1, encodeErr({ errno: ERRNO.fatalDump, sqlState: 'HY000', message: refusal.message })),
      );
      this.#modules.refused(refusal);
    });
  }

  async #serve(socket: Socket, { after, heartbeatMs }: DumpWish): Promise<void> {
    const { spool, flavour, logger } = this.#modules;
    const ordinal = flavour.countOf(after);
    await this.#formatKnown(socket);
    const format = spool.format;
    if (!format) return;
    const previous = await this.#caughtUp(ordinal, after, socket);
    if (socket.destroyed) return;
    // Its relay log may hold what an earlier dump sent.
    this.#given = Math.max(this.#given ?? 0, ordinal);
    const reader = spool.reader(ordinal + 1);
    logger.info({ after, ordinal }, 'the local server reads from the spool');
    const stream = new DumpStream(
      { serverId: this.#options.serverId, after, previousGtid: flavour.gtidBinary(previous), heartbeatMs },
      {
        source: flavour.sourceSide,
        reader,
        format,
        releasable: () => this.#give(),
        changed: (ms) => this.#waitForChange(ms),
        admit: (header, payload, signal) => this.#admit(header, payload, signal),
      },
      socket,
    );
    await stream.run();
  }

  /**
   * Groups that a quorum has are released before they are on this node's own disk. So a power cut may leave the server
   * ahead of the spool: the primary sends these groups again. A group outside the cluster's history never comes. Returns the GTID of
   * the server's last transaction; '' = none, or the server has left.
   */
  async #caughtUp(ordinal: number, applied: string, socket: Socket): Promise<string> {
    const { spool, nameOf, reported, logger } = this.#modules;
    for (let told = false; !socket.destroyed; told = true) {
      const name = ordinal === 0 ? '' : ordinal === spool.end.ordinal ? spool.end.gtid : nameOf(ordinal);
      if (applied !== reported(name, ordinal)) {
        throw new SkeinError(
          'SERVER_DIVERGED',
          `The server has applied ${applied}, but number ${ordinal} in the cluster's history is ${name}: ` +
            'it has transactions that are not in the cluster.',
        );
      }
      if (ordinal <= spool.end.ordinal) return name;
      if (!told)
        logger.warn(
          { applied, spoolEnd: spool.end.gtid },
          'the server is ahead of the spool, and waits until the spool has caught up',
        );
      await this.#waitForChange(AHEAD_LOOK_MS);
    }
    return '';
  }

  #admit({ ordinal, flags }: RecordHeader, payload: Buffer, signal: AbortSignal): Admitted {
    const { flavour, beforeDdl } = this.#modules;
    const changed = flavour.forReplica(payload, (flags & LAST_FRAGMENT) !== 0);
    if (changed === null) return { payload, held: null };
    if (changed.ddl === null) return { payload: changed.group, held: null };
    return { payload: changed.group, held: beforeDdl({ ordinal, statement: changed.ddl }, signal) };
  }

  /** A fresh spool knows no format before the first record has come: the reader waits, as with a silent source. */
  async #formatKnown(socket: Socket): Promise<void> {
    while (!this.#modules.spool.format && !socket.destroyed) await this.#waitForChange(1_000);
  }
}

/** 20 bytes without zero, which would end the text that some clients take the nonce for. */
function randomNonce(): Buffer {
  return Buffer.from(randomBytes(20).map((byte) => (byte % 127) + 1));
}
