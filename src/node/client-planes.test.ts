import type { Worker } from 'node:worker_threads';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { FakePlaneData } from '../../test/kit/planes/client-plane.js';
import { idlePublisher } from '../../test/kit/planes/idle-publisher.js';
import { threadOf } from '../../test/kit/thread.js';
import { until } from '../../test/kit/until.js';
import { nodeConfig } from '../config/node-config.js';
import { EventLog } from '../events/event-log.js';
import type { PlaneName, ServerPrograms } from '../planes/messages.js';
import { silentLogger } from '../std/logger.js';
import { AuditRelay } from './audit-relay.js';
import { ClientPlanes } from './client-planes.js';

type Behaviour = FakePlaneData['behaviour'];

const CONFIG = {
  name: 'n1',
  cluster: 'demo',
  directory: 'n1',
  http: { port: 8083 },
  link: { port: 7083 },
  secretFile: 'cluster.secret',
};

let thread: Awaited<ReturnType<typeof threadOf>>;
beforeAll(async () => {
  thread = await threadOf(new URL('../../test/kit/planes/client-plane.ts', import.meta.url));
});

const made: ClientPlanes[] = [];
afterEach(() => {
  for (const planes of made.splice(0)) planes.abandon();
});

const SERVER: ServerPrograms = {
  binary: {
    ...{ flavour: 'mariadb', version: '10.11.19-MariaDB', origin: 'named' },
    ...{ command: '/mariadbd', shareDir: '/share', pathArgs: [] },
  },
  cacheDir: '/cache',
};

/** Planes whose runs behave as the lists say, in order. All later runs behave as the last entry. */
function planesOf(behaviours: Record<PlaneName, Behaviour[]>, { ports = true } = {}) {
  const audit = new AuditRelay();
  const events = new EventLog({ node: 'n1' }, { logger: silentLogger, audit });
  const running: Record<PlaneName, Worker[]> = { http: [], mysql: [] };
  const lines: unknown[] = [];
  const config = nodeConfig(
    { ...CONFIG, ...(ports && { mysqlPorts: { readWrite: 6446, readOnly: 6447 } }) },
    { source: 'node.json', baseDirectory: '/srv/skein' },
  );
  const planes = new ClientPlanes(
    { config, clusterId: 'id', secret: Buffer.alloc(32), server: SERVER },
    {
      ...{ logger: silentLogger, publisher: idlePublisher(), events, audit },
      log: { write: (more) => lines.push(...more.map((line) => JSON.parse(line))), follow: () => () => {} },
      startThread: ({ plane, signals }) => {
        const [behaviour] = behaviours[plane];
        if (behaviours[plane].length > 1) behaviours[plane].shift();
        const worker = thread({ workerData: { signals, behaviour } });
        running[plane].push(worker);
        return worker;
      },
      tls: () => null,
      answer: () => Promise.reject(new Error('the answer failed')),
      readNow() {},
      loginRefused() {},
    },
    { cutMs: 200 },
  );
  made.push(planes);
  const restarts = () => events.ring.kept.map(({ event, data }) => ({ event, plane: data.plane }));
  return { planes, running, audit, events, lines, restarts };
}

const other = { http: 'mysql', mysql: 'http' } as const;

describe.each(['http', 'mysql'] as const)('the plane %s', (plane) => {
  it('is started again alone when it fails, and the event names it', async () => {
    const { planes, running, events, restarts } = planesOf({
      ...{ http: ['good'], mysql: ['good'] },
      [plane]: ['throws', 'good'],
    });
    await planes.start();
    await until('the second runs', () => running[plane].length === 2);
    expect(running[other[plane]]).toHaveLength(1);
    expect(restarts()).toEqual([{ event: 'clients.restarted', plane }]);
    const name = plane === 'http' ? 'HTTP' : 'the MySQL ports';
    const reason = events.ring.kept[0]?.data.reason;
    expect(reason).toContain(`The thread of ${name} is started again: a fault of the client plane.`);
    await planes.stop();
    expect(await planes.end()).toBe('written');
  });

  it('is ended alone when it does not cut its connections in time', async () => {
    const { planes, running, restarts } = planesOf({
      ...{ http: ['good'], mysql: ['good'] },
      [plane]: ['deaf', 'good'],
    });
    await planes.start();
    await planes.cut();
    await until('the second runs', () => running[plane].length === 2);
    expect(running[other[plane]]).toHaveLength(1);
    expect(restarts()).toEqual([{ event: 'clients.restarted', plane }]);
  });

  it('rejects the start of all planes when it cannot start', async () => {
    const { planes } = planesOf({ ...{ http: ['good'], mysql: ['good'] }, [plane]: ['port taken'] });
    await expect(planes.start()).rejects.toMatchObject({ code: 'PORT_TAKEN' });
    await planes.stop();
    expect(await planes.end()).toBe(plane === 'http' ? 'not written' : 'written');
  });
});

describe('the audit trail', () => {
  it('gets the lines that one HTTP plane did not write before its end from the next one', async () => {
    const { planes, running, audit } = planesOf({ http: ['throws', 'good'], mysql: ['throws', 'good'] });
    await planes.start();
    audit.add({ kind: 'event' });
    await until('both have failed', () => running.http.length === 2 && running.mysql.length === 2);
    audit.add({ kind: 'event' });
    await planes.stop();
    expect(await planes.end()).toBe('written');
    const left: unknown[] = [];
    audit.attach((line) => left.push(line));
    expect(left).toEqual([]);
  });
});

describe('the MySQL plane', () => {
  it('reports its connections and figures, and gets the sessions to cut', async () => {
    const { planes, lines } = planesOf({ http: ['good'], mysql: ['good'] });
    await planes.start();
    await until('the connections are published', () => planes.mysqlConnections?.readWrite === 3);
    expect(await planes.mysqlFigures()).toMatchObject({ text: 'figures\n' });
    const session = { address: '127.0.0.1', port: 4711 };
    planes.cutSessions([session]);
    await until('the message has come back as a line', () => lines.length === 1);
    expect(lines).toEqual([{ kind: 'cutSessions', sessions: [session] }]);
  });

  it('does not exist without ports', async () => {
    const { planes, running } = planesOf({ http: ['good'], mysql: [] }, { ports: false });
    await planes.start();
    await planes.cut();
    expect(running.mysql).toEqual([]);
    expect(planes.mysqlConnections).toBeNull();
    expect(await planes.mysqlFigures()).toBeNull();
  });
});

it('the HTTP plane gets an answer to each question, or an error', async () => {
  const { planes, events, lines } = planesOf({ http: ['good'], mysql: ['good'] });
  await planes.start();
  events.add('link.up', 'ask', '');
  await until('the answer has come back as a line', () => lines.length === 1);
  const answer = { ok: false, error: { code: 'UNEXPECTED' } };
  expect(lines[0]).toMatchObject({ kind: 'answer', answer });
});
