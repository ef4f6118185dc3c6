/**
 * Limits the connections of an HTTP server, and closes those that are of no more use. The decisions are in admission.ts. The
 * time limits for a request's head and body are not here: Node's own server has them.
 */
import type { Server as HttpServer } from 'node:http';
import type { Socket } from 'node:net';
import { ApiError } from '../api/api-error.js';
import type { MetricFamily } from '../metrics/text.js';
import { single } from '../metrics/text.js';
import { admit, type ConnectionLimits, isOver } from './admission.js';
import { answerText } from './refusals.js';

/** Often enough for a time limit of a second. */
const SWEEP_MS = 500;

/** Refused connections that stay open for a moment, so that their clients read the answer. Few, so that a flood costs little. */
const LINGERING_MAX = 16;
const LINGER_MS = 500;

interface Connection {
  readonly socket: Socket;
  readonly address: string;
  known: boolean;
  requests: number;
  quietSinceMs: number;
  halfClosedSinceMs: number | null;
}

export class Connections {
  readonly #limits: ConnectionLimits & { readonly halfClosedMs: number };
  readonly #open = new Map<string, Connection>();
  #sweeping: NodeJS.Timeout | null = null;
  #refused = 0;
  #lingering = 0;
  #dropped = 0;

  constructor(limits: ConnectionLimits & { readonly halfClosedMs: number }) {
    this.#limits = limits;
  }

  /** Sees each new connection before the server does, so a refused connection is never served. */
  guard(server: HttpServer, { tls }: { tls: boolean }): void {
    const serve = server.listeners('connection') as ((socket: Socket) => void)[];
    server.removeAllListeners('connection');
    server.on('connection', (socket: Socket) => {
      if (!this.#admit(socket, tls)) return;
      for (const listener of serve) listener.call(server, socket);
    });
    // No traffic for the server's time-out: the client does not read its answer, or the pause between requests is too long.
    server.on('timeout', (socket: Socket) => {
      const requests = this.#open.get(keyOf(socket))?.requests ?? 0;
      if (requests === 0 || socket.writableLength > 0) socket.destroy();
    });
    this.#sweeping = setInterval(() => this.#sweep(), SWEEP_MS);
    this.#sweeping.unref();
  }

  stop(): void {
    if (this.#sweeping) clearInterval(this.#sweeping);
  }

  /** A request begins. Call `ends` when it is answered, or its connection is gone. */
  requestBegins(socket: Socket): { known(): void; ends(): void } {
    const connection = this.#open.get(keyOf(socket));
    let ended = false;
    if (connection) connection.requests++;
    return {
      known: () => {
        if (connection) connection.known = true;
      },
      ends: () => {
        if (!connection || ended) return;
        ended = true;
        connection.requests--;
        connection.quietSinceMs = performance.now();
      },
    };
  }

  metrics(): MetricFamily[] {
    return [
      single('gauge', 'skein_http_connections', 'Open HTTP connections.', this.#open.size),
      single(
        'counter',
        'skein_http_connections_refused_total',
        'HTTP connections that were refused because of a limit.',
        this.#refused,
      ),
      single(
        'counter',
        'skein_http_connections_dropped_total',
        'Quiet HTTP connections without a token that were closed to make room.',
        this.#dropped,
      ),
    ];
  }

  #admit(socket: Socket, tls: boolean): boolean {
    const address = socket.remoteAddress ?? '';
    const admission = admit(address, this.#open.values(), this.#limits);
    if (!admission.admit) {
      this.#refuse(socket, tls ? null : answerText(tooMany(admission.limit)));
      return false;
    }
    if (admission.drop) {
      this.#dropped++;
      this.#open.delete(keyOf(admission.drop.socket));
      admission.drop.socket.destroy();
    }
    const connection: Connection = {
      socket,
      address,
      known: false,
      requests: 0,
      quietSinceMs: performance.now(),
      halfClosedSinceMs: null,
    };
    const key = keyOf(socket);
    this.#open.set(key, connection);
    socket.once('close', () => {
      if (this.#open.get(key) === connection) this.#open.delete(key);
    });
    return true;
  }

  /** A request that arrives on a closed connection resets it, and its client would not see the answer. */
  #refuse(socket: Socket, answer: string | null): void {
    this.#refused++;
    socket.on('error', () => {});
    if (answer === null || this.#lingering >= LINGERING_MAX) {
      socket.destroy();
      return;
    }
    this.#lingering++;
    const timer = setTimeout(() => socket.destroy(), LINGER_MS);
    socket.once('end', () => socket.destroy());
    socket.once('close', () => {
      clearTimeout(timer);
      this.#lingering--;
    });
    socket.resume();
    socket.end(answer);
  }

  #sweep(): void {
    const now = performance.now();
    for (const connection of this.#open.values()) {
      const { socket } = connection;
      const halfClosed = socket.readableEnded || socket.writableEnded;
      connection.halfClosedSinceMs = halfClosed ? (connection.halfClosedSinceMs ?? now) : null;
      const rest = { ...connection, unsentBytes: socket.writableLength };
      if (isOver(rest, now, this.#limits.halfClosedMs)) socket.destroy();
    }
  }
}

/** With TLS the server uses another object for the same connection, with the same addresses and ports. */
function keyOf({ remoteAddress, remotePort, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localPort}`;
}

function tooMany(limit: string): ApiError {
  return new ApiError(
    503,
    'NODE_BUSY',
    `This node has as many HTTP connections as "${limit}" allows. Try again in a moment, or use fewer connections.`,
    { retryable: true, retryAfterS: 1 },
  );
}
