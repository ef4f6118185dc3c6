import { createServer, type Server, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { isSkeinError, messageOf, SkeinError } from '../model/error.js';
import { type Clock, systemClock, type Timer } from '../std/clock.js';
import { Histogram, LATENCY_BOUNDS_S } from '../std/histogram.js';
import type { Logger } from '../std/logger.js';
import { sleep } from '../std/timing.js';
import { type PortCounters, zeroCounters } from './counters.js';
import { type Dialled, dial, KEEP_ALIVE_MS } from './dial.js';
import { ForwardMarkerFilter } from './forward-marker.js';
import type { Gate, Pass, Target } from './gate.js';
import { LoginGuard } from './login-guard.js';
import type { LoginLimits } from './login-places.js';
import { type KillJudge, Pipe } from './pipe.js';
import { encodeRefusal, nowhereToGo, type Refusal, tooManyConnections } from './refusal.js';

/**
 * One listening port of the MySQL protocol. It accepts, finds the server that its gate names, and pipes. It knows nothing of
 * roles, accounts or statements; the gate and the server do.
 */
export interface MysqlPortOptions extends LoginLimits {
  /** For messages: 'read-write' or 'read-only'. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** Connections at the same time, waiting ones included; one more is refused. */
  readonly connectionsMax: number;
  /** A client waits this long for the gate to open. */
  readonly openWaitMs: number;
}

export interface MysqlPortModules {
  readonly gate: Gate;
  readonly logger: Logger;
  /** Judges KILLs for targets with `judgesKills`; must not reject. */
  readonly judge: KillJudge;
  /** The local server's threads that have no login yet. */
  threadsBeforeLogin(): Promise<ReadonlySet<number>>;
  /** Waits for targets with `waitsForPrimary`; must not reject. Null: no wait. */
  readonly fresh: (() => Promise<boolean>) | null;
  readonly clock?: Clock;
}

/** Interval of redials while the server refuses connections, as it does when it starts. */
const REDIAL_MS = 50;
/** Deadline for a target's greeting, beyond `openWaitMs`, which another node's port may need for itself. */
const GREETING_MARGIN_MS = 2_000;
/** Turns of the event loop in which to wait for another node's forward marker. */
const READ_TURNS = 3;
/** Refused clients that are sent an error at the same time, each with a descriptor. More are closed without one. */
const REFUSING_MAX = 8;
/** Time after which a refused client that has not hung up is cut. */
const REFUSAL_LINGER_MS = 1_000;
/**
 * A client that reads nothing for this long is cut. The server gives up after 60 s (net_write_timeout), but the port does
 * not notice while it does not read from the server.
 */
const CLOGGED_MAX_MS = 90_000;
const SWEEP_MS = 10_000;
/** At most one line about refused and cut clients in this time. */
const LOG_INTERVAL_MS = 1_000;

export class MysqlPort {
  readonly #options: MysqlPortOptions;
  readonly #modules: MysqlPortModules;
  readonly #counters = zeroCounters();
  readonly #pipes = new Set<Pipe>();
  readonly #clients = new Set<Socket>();
  readonly #stopped = new AbortController();
  readonly #logins: LoginGuard;
  readonly #off: () => void;
  #server: Server | null = null;
  readonly #clock: Clock;
  #sweep: Timer | null = null;
  #saidAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: MysqlPortOptions, modules: MysqlPortModules) {
    this.#options = options;
    this.#modules = modules;
    this.#clock = modules.clock ?? systemClock;
    this.#off = modules.gate.onChange.on(() => this.#cutOld());
    const { loginsMax, loginMs, connectionsMax } = options;
    // One address must not fill a small port either.
    const loginsPerAddressMax = Math.min(options.loginsPerAddressMax, Math.ceil(connectionsMax / 2));
    this.#logins = new LoginGuard(
      { loginsMax, loginsPerAddressMax, loginMs },
      {
        clock: this.#clock,
        threadsBeforeLogin: () => modules.threadsBeforeLogin(),
        dropped: (reason) => {
          this.#counters.loginsDropped++;
          this.#say({ reason, dropped: this.#counters.loginsDropped }, 'connections without a login dropped');
        },
      },
    );
  }

  get counters(): Readonly<PortCounters> {
    this.#counters.loginsOpen = this.#logins.count;
    return this.#counters;
  }

  /** Seconds from a client's connection to the greeting that it got, the wait for an open primary included. */
  readonly connectTimes = new Histogram(LATENCY_BOUNDS_S);

  /** @throws SkeinError PORT_IN_USE */
  async start(): Promise<void> {
    const { host, port, name } = this.#options;
    const server = createServer(
      { pauseOnConnect: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS },
      (client) => this.#accept(client),
    );
    server.maxConnections = this.#options.connectionsMax + REFUSING_MAX;
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) =>
        reject(
          new SkeinError(
            'PORT_IN_USE',
            `The ${name} MySQL port ${host}:${port} cannot be opened: ${messageOf(error)}`,
            {
              cause: error,
            },
          ),
        ),
      );
      server.listen(port, host, resolve);
    });
    this.#server = server;
    this.#logins.start();
    // A failed accept (no file descriptors left) concerns that client only.
    server.on('error', (error) =>
      this.#modules.logger.warn({ reason: messageOf(error) }, 'accepting failed'),
    );
    this.#sweepRegularly();
    this.#modules.logger.info({ host, port, kind: name }, 'MySQL port open');
  }

  /** No connection is left when this resolves. */
  async stop(): Promise<void> {
    this.#stopped.abort(new SkeinError('NODE_STOPS', 'The node stops.'));
    this.#off();
    this.#logins.stop();
    this.#clock.clearTimer(this.#sweep);
    const server = this.#server;
    const closed = server ? new Promise<void>((resolve) => server.close(() => resolve())) : null;
    for (const pipe of [...this.#pipes]) pipe.cut();
    for (const client of this.#clients) client.destroy();
    await closed;
  }

  /** Cuts the connections that reach their server from these local ports; returns how many there were. */
  cutFrom(ports: ReadonlySet<number>): number {
    const meant = [...this.#pipes].filter(({ dialledFrom }) => ports.has(dialledFrom));
    for (const pipe of meant) pipe.cut();
    return meant.length;
  }

  #cutOld(): void {
    let count = 0;
    for (const pipe of [...this.#pipes]) {
      if (pipe.valid) continue;
      pipe.cut();
      count++;
    }
    if (count === 0) return;
    const { route } = this.#modules.gate;
    this.#modules.logger.warn(
      { kind: this.#options.name, count, reason: route.open ? 'there is another server now' : route.reason },
      'connections cut',
    );
  }

  #sweepRegularly(): void {
    this.#sweep = this.#clock.setTimer(SWEEP_MS, () => {
      this.#sweepRegularly();
      this.#cutClogged();
    });
  }

  #cutClogged(): void {
    const now = this.#clock.nowMs();
    for (const pipe of [...this.#pipes]) {
      if (pipe.cloggedMs(now) > CLOGGED_MAX_MS) pipe.destroy();
    }
  }

  #accept(client: Socket): void {
    const counters = this.#counters;
    counters.total++;
    client.on('error', () => {});
    this.#clients.add(client);
    client.once('close', () => this.#clients.delete(client));
    const full = counters.open >= this.#options.connectionsMax;
    if (!this.#logins.makeRoom(full) && full) {
      this.#refuse(client, tooManyConnections(this.#options.name, this.#options.connectionsMax));
      return;
    }
    counters.open++;
    let holds = true;
    const release = () => {
      if (holds) counters.open--;
      holds = false;
    };
    client.once('close', release);
    this.#connect(client, release).catch((error: unknown) => {
      release();
      if (!this.#stopped.signal.aborted)
        this.#refuse(client, nowhereToGo(this.#options.name, messageOf(error)));
    });
  }

  /** `release` gives the place back at once; the client's own `close` comes a moment later. */
  async #connect(client: Socket, release: () => void): Promise<void> {
    const { gate, judge, fresh } = this.#modules;
    const address = client.remoteAddress ?? '';
    const acceptedAtMs = this.#clock.nowMs();
    const { pass, dialled } = await this.#reach(client);
    if (client.destroyed || !gate.admits(pass.generation)) {
      dialled.socket.destroy();
      client.destroy();
      return;
    }
    const pipe = new Pipe(
      { generation: pass.generation },
      {
        client,
        server: dialled.socket,
        gate,
        clock: this.#clock,
        counters: this.#counters,
        judge: pass.target.judgesKills ? judge : null,
        keepsReadOnly: pass.target.keepsReadOnly === true,
        fresh: pass.target.waitsForPrimary ? fresh : null,
        onLogin: () => this.#logins.loginChanged(pipe, { asksServer: pass.target.forwards !== true }),
        closed: (wrong) => {
          this.#logins.remove(pipe);
          this.#pipes.delete(pipe);
          release();
          if (wrong !== null) this.#say({ reason: wrong, address }, 'connection cut');
        },
      },
    );
    this.#pipes.add(pipe);
    this.#logins.add(pipe, address);
    pipe.start(dialled.greeting);
    this.connectTimes.observe((this.#clock.nowMs() - acceptedAtMs) / 1000);
  }

  /** Dials until a server has greeted while its pass is still valid, or the time is over. */
  async #reach(client: Socket): Promise<{ pass: Pass; dialled: Dialled }> {
    const { gate } = this.#modules;
    const { openWaitMs } = this.#options;
    const { signal } = this.#stopped;
    const deadline = this.#clock.nowMs() + openWaitMs;
    for (;;) {
      const pass = await gate.untilOpen(deadline - this.#clock.nowMs(), signal, this.#clock);
      signal.throwIfAborted();
      if (!pass) throw new SkeinError('MYSQL_TARGET_NONE', reasonOf(gate));
      try {
        const dialled = await this.#dial(pass, client);
        if (gate.admits(pass.generation)) return { pass, dialled };
        dialled.socket.destroy();
      } catch (error) {
        const inLoop = isSkeinError(error, 'MYSQL_PASSED_ON_TWICE');
        if (inLoop || this.#clock.nowMs() >= deadline || client.destroyed) throw error;
        await sleep(REDIAL_MS, signal, this.#clock);
      }
    }
  }

  /**
   * Watches the client for a forward marker while it dials another node's port: a forwarded client must not be
   * forwarded again.
   */
  async #dial({ target, generation }: Pass, client: Socket): Promise<Dialled> {
    const deadlineMs = this.#options.openWaitMs + GREETING_MARGIN_MS;
    const { gate } = this.#modules;
    if (!target.forwards)
      return await dial(target, { deadlineMs, signal: this.#stopped.signal, clock: this.#clock });
    // A primary that hangs may never greet. The client goes on when there is another one.
    const moved = new AbortController();
    const off = gate.onChange.on(() => {
      if (!gate.admits(generation)) moved.abort(otherTarget(target));
    });
    const signal = AbortSignal.any([this.#stopped.signal, moved.signal]);
    const loop = new AbortController();
    const filter = new ForwardMarkerFilter();
    const read: Buffer[] = [];
    const onData = (chunk: Buffer) => {
      read.push(chunk);
      filter.take(chunk);
      if (filter.forwarded === null) return;
      client.pause();
      if (filter.forwarded) loop.abort(forwardLoop(target));
    };
    client.on('data', onData);
    client.resume();
    try {
      // A node's marker is on its way already. Reading it before dialling keeps a loop from forming.
      for (let turn = 0; turn < READ_TURNS; turn++) await setImmediate();
      return await dial(target, {
        deadlineMs,
        clock: this.#clock,
        signal: AbortSignal.any([signal, loop.signal]),
      });
    } finally {
      off();
      client.pause();
      client.removeListener('data', onData);
      if (read.length > 0 && !client.destroyed) client.unshift(Buffer.concat(read));
    }
  }

  #refuse(client: Socket, refusal: Refusal): void {
    this.#counters.refused++;
    if (!client.destroyed) {
      client.end(encodeRefusal(refusal));
      // Its remaining data is dropped; unread data would hide the end of the stream.
      client.resume();
      setTimeout(() => client.destroy(), REFUSAL_LINGER_MS).unref();
    }
    const { refused } = this.#counters;
    this.#say({ errno: refusal.errno, reason: refusal.message, refused }, 'clients refused');
  }

  /** Rate-limited: a flood of refused clients must not fill the log. */
  #say(facts: Record<string, unknown>, message: string): void {
    const now = this.#clock.nowMs();
    if (now - this.#saidAtMs < LOG_INTERVAL_MS) return;
    this.#saidAtMs = now;
    this.#modules.logger.warn({ kind: this.#options.name, ...facts }, message);
  }
}

function forwardLoop({ host, port }: Target): SkeinError {
  return new SkeinError(
    'MYSQL_PASSED_ON_TWICE',
    `Another node forwarded this connection here, as to the primary, but this node sees the primary at ${host}:${port}.`,
  );
}

function otherTarget({ host, port }: Target): SkeinError {
  return new SkeinError('MYSQL_TARGET_CHANGED', `${host}:${port} is not the primary any more.`);
}

function reasonOf(gate: Gate): string {
  return gate.route.open ? 'The port opened too late for this client.' : gate.route.reason;
}
