import { connect, createServer, type Server, type Socket } from 'node:net';
import { LinkDialer, type LinkDialerModules, type LinkDialerOptions } from '../../src/link/dialer.js';
import { LinkListener, type LinkListenerModules, type LinkListenerOptions } from '../../src/link/listener.js';
import type { ReplicaSession } from '../../src/link/listener-session.js';
import type { RefusedEvent } from '../../src/link/refusals.js';
import type { Position } from '../../src/model/position.js';
import type { ClusterStatus, Positions, Role } from '../../src/model/status.js';
import { silentLogger } from '../../src/std/logger.js';
import type { Ack } from '../../src/wire/frames.js';
import type { AttachInfo, Heartbeat, HeartbeatBody, ListMessage, Welcome } from '../../src/wire/messages.js';

/** Real listeners and dialers on real sockets, with rooms that write down what they are told. For tests only. */

export const SECRET = 'a secret of this test, long enough';

export const at = (epoch: number, ordinal: number): Position => ({
  epoch,
  ordinal,
  gtid: ordinal === 0 ? '' : `0-${1_000_000 + epoch}-${ordinal}`,
});

const POSITIONS: Positions = { received: 0, durable: 0, committed: 0, applied: 0 };

export function heartbeatBody(node: string, role: Role, epoch = 1): HeartbeatBody {
  return {
    node,
    role,
    epoch,
    positions: POSITIONS,
    server: { flavour: 'mariadb', version: '10.11.19', pid: 1, up: true },
    lagMs: 0,
    applier: { state: 'running', since: '' },
    reason: null,
    http: 'http://127.0.0.1:8083',
    link: '127.0.0.1:7083',
    mysqlRw: null,
    mysqlRo: null,
    mysqlConnections: null,
    pid: process.pid,
  };
}

export function attachInfo(node: string, over: Partial<AttachInfo> = {}): AttachInfo {
  return {
    node,
    incarnation: `${node}-disk`,
    epoch: 1,
    http: 'http://127.0.0.1:8084',
    link: { host: '127.0.0.1', port: 7084 },
    boot: 1,
    mysqlRw: null,
    mysqlRo: null,
    flavour: 'mariadb',
    spoolEnd: at(1, 5),
    previousGtid: '0-1000001-4',
    damaged: false,
    adopted: { epoch: 1, number: 0 },
    ...over,
  };
}

export function clusterStatus(): ClusterStatus {
  return {
    cluster: 'demo',
    epoch: 1,
    primary: 'n1',
    acknowledge: 'majority',
    quorum: { needed: 2, attached: 1, voters: 3 },
    change: null,
    members: [],
    warnings: [],
  };
}

export interface TestPrimary {
  listener: LinkListener;
  sessions: ReplicaSession[];
  refused: RefusedEvent[];
  heard: Heartbeat[];
  closed: string[];
  acks: Ack[];
  readonly port: number;
}

export async function startPrimary(
  options: Partial<LinkListenerOptions> = {},
  over: Partial<LinkListenerModules> = {},
): Promise<TestPrimary> {
  const sessions: ReplicaSession[] = [];
  const refused: RefusedEvent[] = [];
  const heard: Heartbeat[] = [];
  const closed: string[] = [];
  const acks: Ack[] = [];
  const listener = new LinkListener(
    { host: '127.0.0.1', port: 0, cluster: 'demo', secret: SECRET, node: 'n1', ...options },
    {
      logger: silentLogger,
      welcome: () => ({
        epoch: 1,
        chain: [{ epoch: 1, number: 0, beginsAfter: at(0, 0), primary: 'n1', members: [] }],
        committedOrdinal: 5,
      }),
      attached: (session) => {
        sessions.push(session);
        session.onHeartbeat.on((heartbeat) => heard.push(heartbeat));
        session.onClosed.on((reason) => closed.push(reason));
        session.onAck.on((ack) => acks.push(ack));
      },
      election: { message: () => {} },
      seedRequested: (session) => session.refuse('SEED_REFUSED', 'This test has no snapshots.'),
      refused: (event) => refused.push(event),
      heartbeat: () => heartbeatBody('n1', 'primary'),
      status: clusterStatus,
      ...over,
    },
  );
  await listener.start();
  return { listener, sessions, refused, heard, closed, acks, port: listener.port };
}

export interface TestReplica {
  dialer: LinkDialer;
  states: string[];
  welcomes: Welcome[];
  records: { bytes: Buffer; committedOrdinal: number }[];
  committed: number[];
  statuses: ClusterStatus[];
  lists: ListMessage[];
  heard: Heartbeat[];
}

export function startReplica(
  port: number,
  options: Partial<LinkDialerOptions> = {},
  over: Partial<LinkDialerModules> = {},
): TestReplica {
  const node = options.node ?? 'n2';
  const replica: Omit<TestReplica, 'dialer'> = {
    states: [],
    welcomes: [],
    records: [],
    committed: [],
    statuses: [],
    lists: [],
    heard: [],
  };
  const dialer = new LinkDialer(
    { address: () => ({ host: '127.0.0.1', port }), cluster: 'demo', secret: SECRET, node, ...options },
    {
      logger: silentLogger,
      attachInfo: () => attachInfo(node),
      welcomed: (welcome) => {
        replica.welcomes.push(welcome);
      },
      records: (bytes, committedOrdinal) => {
        replica.records.push({ bytes, committedOrdinal });
        return true;
      },
      committed: (ordinal) => replica.committed.push(ordinal),
      status: (status) => replica.statuses.push(status),
      list: (message) => replica.lists.push(message),
      heartbeat: () => heartbeatBody(node, 'replica'),
      seedOrder: () => {},
      defined: () => {},
      definitions: async ({ id }) => ({ id, definitions: {}, failed: null }),
      verify: async ({ id }) => ({ id, what: { kind: 'failed', reason: 'It has no server.' } }),
      heard: (heartbeat) => replica.heard.push(heartbeat),
      state: (state, _reason, code) => replica.states.push(state === 'up' ? 'up' : code),
      ...over,
    },
  );
  dialer.start();
  return { dialer, ...replica };
}

/** A plain TCP connection that notes what comes and when it is cut. */
export function rawConnect(port: number): { socket: Socket; received: () => Buffer; closed: Promise<void> } {
  const chunks: Buffer[] = [];
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.on('error', () => {});
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  return { socket, received: () => Buffer.concat(chunks), closed };
}

/** A plain TCP server; each connection goes to `handler`. */
export async function rawListen(handler: (socket: Socket) => void): Promise<{
  server: Server;
  port: number;
  stop(): Promise<void>;
}> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    handler(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    server,
    port: typeof address === 'object' && address ? address.port : 0,
    stop: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/**
 * A TCP proxy that can record, freeze (`deaf`) and cut, for what a network does.
 * `upstream` holds what dialers sent, `downstream` what the listener answered, one buffer for each connection.
 */
export async function startProxy(targetPort: number) {
  const upstream: Buffer[][] = [];
  const downstream: Buffer[][] = [];
  const sockets = new Set<Socket>();
  const state = { deaf: false, targetPort };
  let newestTarget: Socket | null = null;
  const raw = await rawListen((client) => {
    const target = connect({ host: '127.0.0.1', port: state.targetPort });
    const up: Buffer[] = [];
    const down: Buffer[] = [];
    newestTarget = target;
    upstream.push(up);
    downstream.push(down);
    for (const socket of [client, target]) {
      sockets.add(socket);
      socket.on('error', () => {});
    }
    client.on('data', (chunk) => {
      up.push(chunk);
      if (!state.deaf) target.write(chunk);
    });
    target.on('data', (chunk) => {
      down.push(chunk);
      if (!state.deaf) client.write(chunk);
    });
    // A network that is cut does not tell either side that the other has hung up.
    client.on('close', () => state.deaf || target.destroy());
    target.on('close', () => state.deaf || client.destroy());
  });
  return {
    port: raw.port,
    state,
    upstream,
    downstream,
    /** As if the dialer of the newest connection had sent this. */
    inject: (bytes: Buffer) => newestTarget?.write(bytes),
    cut: () => {
      for (const socket of sockets) socket.destroy();
    },
    stop: () => {
      for (const socket of sockets) socket.destroy();
      return raw.stop();
    },
  };
}
