import type { Server, Socket } from 'node:net';
import type { ElectionMessage } from '../model/election-messages.js';
import { isSkeinError, messageOf, SkeinError } from '../model/error.js';
import type { ClusterStatus } from '../model/status.js';
import { type Clock, systemClock, type Timer } from '../std/clock.js';
import type { Logger } from '../std/logger.js';
import type { TlsSource } from '../std/tls-source.js';
import { type AttachInfo, encodeStatus, type HeartbeatBody, type SeedRequest } from '../wire/messages.js';
import type { Channel } from './channel.js';
import { Greeting, type WelcomeDecision } from './greeting.js';
import { type Identity, linkIdentity } from './handshake.js';
import { type ElectionListener, HeardVoters } from './heard-voters.js';
import { ListenerSession, type ReplicaSession } from './listener-session.js';
import { withDefaults } from './options.js';
import { lookOf, RefusalFilter, type RefusedEvent } from './refusals.js';
import { SeedSender, type SeedSession } from './seed-sender.js';
import { linkServer } from './tls.js';

export interface LinkListenerOptions {
  readonly host: string;
  /** 0: any free one, see `port` after start. */
  readonly port: number;
  readonly cluster: string;
  /** At least 16 bytes. */
  readonly secret: string | Uint8Array;
  /** Name of this node. */
  readonly node: string;
  readonly heartbeatIntervalMs?: number;
  readonly goneAfterMs?: number;
  readonly statusIntervalMs?: number;
  readonly stepDeadlineMs?: number;
  readonly readyDeadlineMs?: number;
  /** With it both ends show a certificate. */
  readonly tls?: TlsSource | null;
  readonly unauthenticatedMax?: number;
  readonly sessionsMax?: number;
  /** Bytes buffered for one replica before `sendRecords` says false. */
  readonly sendBufferBytes?: number;
}

const DEFAULTS = {
  heartbeatIntervalMs: 500,
  goneAfterMs: 10_000,
  statusIntervalMs: 1000,
  stepDeadlineMs: 5000,
  // The replica cuts its spool and syncs it meanwhile, on a disk that may be slow.
  readyDeadlineMs: 30_000,
  unauthenticatedMax: 32,
  sessionsMax: 64,
  // Enough to keep a fast network busy between two turns of the event loop, and small enough for 64 stopped replicas.
  sendBufferBytes: 1024 * 1024,
} as const;
type Limits = { readonly [K in keyof typeof DEFAULTS]: number };

/** A burst of changes becomes one status document. */
const STATUS_MERGE_MS = 10;

export interface LinkListenerModules {
  readonly logger: Logger;
  /**
   * Asked twice: when the replica attaches, and again (then with its spool's end after the cut) before its session is
   * handed out, because the epoch may have ended meanwhile. No I/O.
   */
  welcome(attach: AttachInfo): WelcomeDecision;
  /** Put listeners on at once; records may be sent from here on, beginning after `session.attach.spoolEnd`. */
  attached(session: ReplicaSession): void;
  /** A node wants a snapshot of this node's server. */
  seedRequested(session: SeedSession): void;
  readonly election: ElectionListener;
  refused(event: RefusedEvent): void;
  heartbeat(): HeartbeatBody;
  status(): ClusterStatus;
  readonly clock?: Clock;
}

/**
 * The primary's end of the links: authenticates dialers by the cluster's secret, and hands out a session for each replica.
 * It decides neither which nodes count or are alive (membership) nor what is sent (hub).
 */
export class LinkListener {
  readonly #options: LinkListenerOptions & Limits;
  readonly #modules: LinkListenerModules;
  readonly #identity: Identity;
  readonly #refusals = new RefusalFilter();
  /** Connections that are not attached yet, oldest first. */
  readonly #greetings = new Set<Greeting>();
  readonly #sessions = new Map<string, ListenerSession>();
  readonly #seeds = new Set<SeedSender>();
  readonly #voters: HeardVoters;
  #server: Server | null = null;
  readonly #clock: Clock;
  #statusTimer: Timer | null = null;
  #statusSoon: Timer | null = null;

  /** @throws SkeinError WEAK_SECRET */
  constructor(options: LinkListenerOptions, modules: LinkListenerModules) {
    this.#options = withDefaults(DEFAULTS, options);
    this.#modules = modules;
    this.#clock = modules.clock ?? systemClock;
    this.#identity = linkIdentity(options.cluster, options.secret);
    const { logger, election } = modules;
    this.#voters = new HeardVoters(this.#options, { clock: this.#clock, logger, election });
  }

  /** The port that is listened on; 0 before `start`. */
  get port(): number {
    const address = this.#server?.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  get sessions(): readonly ReplicaSession[] {
    return [...this.#sessions.values()];
  }

  /** @throws SkeinError LINK_PORT_TAKEN, LINK_LISTEN_FAILED */
  async start(): Promise<void> {
    const { host, port, sendBufferBytes } = this.#options;
    const { tls = null, unauthenticatedMax, sessionsMax } = this.#options;
    const server = linkServer({
      tls,
      highWaterMark: sendBufferBytes,
      connectionsMax: 2 * (unauthenticatedMax + sessionsMax),
      connected: (socket) => this.#connected(socket),
      refused: (error, socket, silent) => {
        if (!silent) this.#report(socket.remoteAddress ?? 'unknown', socket.remotePort ?? 0, error);
      },
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => reject(listenError(host, port, error)));
      server.listen({ host, port }, resolve);
    });
    server.removeAllListeners('error');
    // An error such as EMFILE at accept loses the connection, not the listener.
    server.on('error', (error) =>
      this.#modules.logger.error({ error: messageOf(error) }, 'link accept failed'),
    );
    this.#server = server;
    this.#statusRegularly();
    this.#modules.logger.info({ host, port: this.port }, 'link listening');
  }

  /** Ends all sessions, then frees the port. */
  async stop(reason = 'the node stops'): Promise<void> {
    const server = this.#server;
    this.#server = null;
    this.#clock.clearTimer(this.#statusTimer);
    this.#clock.clearTimer(this.#statusSoon);
    for (const greeting of [...this.#greetings]) greeting.close(new SkeinError('LINK_ENDED', reason));
    for (const session of [...this.#sessions.values()]) session.close(reason);
    this.#voters.close(reason);
    for (const seed of [...this.#seeds]) seed.refuse('LINK_ENDED', reason);
    if (server !== null) await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  /** Says something about elections on the connection that this node dialled; see HeardVoters. */
  sendElection(to: string, message: ElectionMessage): boolean {
    return this.#voters.send(to, message);
  }

  /** The status document has changed: the replicas get it at once. */
  announceStatus(): void {
    if (this.#server === null) return;
    this.#statusSoon ??= this.#clock.setTimer(STATUS_MERGE_MS, () => this.#sendStatus());
  }

  #statusRegularly(): void {
    this.#statusTimer = this.#clock.setTimer(this.#options.statusIntervalMs, () => {
      this.#statusRegularly();
      this.#sendStatus();
    });
  }

  #sendStatus(): void {
    this.#clock.clearTimer(this.#statusSoon);
    this.#statusSoon = null;
    // Encoded once for all sessions that can take it.
    let frame: Buffer | null = null;
    for (const session of this.#sessions.values()) {
      session.sendStatus(() => {
        frame ??= this.#statusFrame();
        return frame;
      });
    }
  }

  readonly #statusFrame = (): Buffer => encodeStatus(this.#modules.status());

  #connected(socket: Socket): void {
    const host = socket.remoteAddress ?? 'unknown';
    const address = `${host}:${socket.remotePort ?? 0}`;
    this.#evictUnproven();
    const { node, stepDeadlineMs, readyDeadlineMs } = this.#options;
    const greeting: Greeting = new Greeting(
      socket,
      { identity: this.#identity, node, stepDeadlineMs, readyDeadlineMs },
      {
        clock: this.#clock,
        admit: (attach) => this.#admit(attach),
        welcome: (attach) => this.#modules.welcome(attach),
        ready: (attach, epoch) => {
          this.#greetings.delete(greeting);
          this.#open(greeting.channel, attach, epoch, address);
        },
        seedRequested: (request) => {
          this.#greetings.delete(greeting);
          this.#openSeed(greeting.channel, request, address);
        },
        voter: (voter) => {
          this.#voters.admit(voter);
          this.#greetings.delete(greeting);
          this.#voters.open(greeting.channel, voter, address);
        },
        ended: (error) => {
          this.#greetings.delete(greeting);
          this.#refused(host, address, error, greeting.channel);
        },
      },
    );
    this.#greetings.add(greeting);
  }

  /** Closes the oldest: a node authenticates within milliseconds, so the oldest connection is least likely to be a node. */
  #evictUnproven(): void {
    // An authenticated replica is not evicted: it may need time to cut its spool.
    const unproven = [...this.#greetings].filter((greeting) => !greeting.proven);
    for (const greeting of unproven.slice(0, unproven.length - this.#options.unauthenticatedMax + 1)) {
      greeting.close(
        new SkeinError('TOO_MANY_STRANGERS', 'Too many connections have not authenticated yet.'),
      );
    }
  }

  #admit(attach: AttachInfo): void {
    const existing = this.#sessions.get(attach.node);
    if (
      attach.node === this.#options.node ||
      (existing && existing.attach.incarnation !== attach.incarnation)
    ) {
      throw new SkeinError(
        'DUPLICATE_NODE',
        `Another node with the name ${attach.node} is already attached.`,
      );
    }
    if (!existing && this.#sessions.size >= this.#options.sessionsMax) {
      throw new SkeinError(
        'TOO_MANY_SESSIONS',
        `${this.#options.sessionsMax} replicas are already attached.`,
      );
    }
  }

  #open(channel: Channel, attach: AttachInfo, epoch: number, address: string): void {
    const { heartbeatIntervalMs, goneAfterMs } = this.#options;
    const { logger } = this.#modules;
    // The same node dials only once at a time, so its old connection is dead.
    this.#sessions.get(attach.node)?.close('it has connected again');
    const session: ListenerSession = new ListenerSession(
      channel,
      {
        attach,
        address,
        epoch,
        intervalMs: heartbeatIntervalMs,
        goneAfterMs,
      },
      {
        logger,
        clock: this.#clock,
        heartbeat: () => this.#modules.heartbeat(),
        statusFrame: this.#statusFrame,
        closed: (error) => {
          if (this.#sessions.get(session.node) === session) this.#sessions.delete(session.node);
          const data = { replica: session.node, address, code: error.code, reason: error.message };
          logger.warn({ ...data, bytesSent: session.bytesSent }, 'replica detached');
        },
      },
    );
    this.#sessions.set(attach.node, session);
    logger.info({ replica: attach.node, address, spoolEnd: attach.spoolEnd }, 'replica attached');
    this.#modules.attached(session);
    session.start();
  }

  #openSeed(channel: Channel, request: SeedRequest, address: string): void {
    const seed: SeedSender = new SeedSender(
      channel,
      { request, address },
      { clock: this.#clock, closed: () => this.#seeds.delete(seed) },
    );
    this.#seeds.add(seed);
    if (this.#seeds.size > this.#options.sessionsMax) {
      seed.refuse('SEED_BUSY', `${this.#options.sessionsMax} snapshots are under way.`);
      return;
    }
    this.#modules.seedRequested(seed);
  }

  #report(host: string, port: number, error: SkeinError): void {
    const repeated = this.#refusals.note(host, error.message, this.#clock.nowMs());
    if (repeated === null) return;
    const event = { address: `${host}:${port}`, code: error.code, message: error.message, repeated };
    this.#modules.logger.warn(event, 'link refused');
    this.#modules.refused(event);
  }

  #refused(host: string, address: string, error: SkeinError, channel: Channel): void {
    // A peer that connects and closes without sending a byte is a port check.
    const silent =
      channel.bytesReceived === 0 && (error.code === 'LINK_CLOSED' || error.code === 'LINK_LOST');
    if (silent || error.code === 'LINK_ENDED') return;
    const look = error.code.startsWith('FRAME_') ? lookOf(channel.opening) : '';
    // Browsers and port scanners fail with the same code; the log should tell them apart.
    const repeated = this.#refusals.note(
      host,
      look === '' ? error.code : `${error.code} ${look}`,
      this.#clock.nowMs(),
    );
    if (repeated === null) return;
    const message = look ? `${error.message} It looks like ${look}.` : error.message;
    const event = { address, code: error.code, message, repeated };
    this.#modules.logger.warn(event, 'link refused');
    this.#modules.refused(event);
  }
}

function listenError(host: string, port: number, error: Error): SkeinError {
  if (isSkeinError(error)) return error;
  const taken = 'code' in error && error.code === 'EADDRINUSE';
  return new SkeinError(
    taken ? 'LINK_PORT_TAKEN' : 'LINK_LISTEN_FAILED',
    taken
      ? `The link port ${port} on ${host} is taken by another process; choose another with --link-port.`
      : `Cannot listen for links on ${host}:${port}: ${error.message}`,
    { cause: error },
  );
}
