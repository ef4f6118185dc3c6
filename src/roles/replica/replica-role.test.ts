import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { heartbeatBody } from '../../../test/kit/link.js';
import { throughout, until } from '../../../test/kit/until.js';
import { EventLog } from '../../events/event-log.js';
import { mariadb } from '../../flavour/mariadb/mariadb.js';
import { LagMeter } from '../../membership/lag.js';
import { Spool } from '../../spool/spool.js';
import { diskStorage } from '../../spool/storage.js';
import { monotonicMs } from '../../std/clock.js';
import { Emitter } from '../../std/emitter.js';
import { silentLogger } from '../../std/logger.js';
import { ChainFile } from '../chain-file.js';
import type { LocalControl } from '../local-server.js';
import { LogEndFile } from '../log-end-file.js';
import type { Seeding } from '../seed-parts.js';
import { xaFile } from '../xa-file.js';
import { ddlNoteFile } from './ddl-note.js';
import { ReplicaRole } from './replica-role.js';

const PLACE = { name: 'n2', link: { host: 'h', port: 1 }, http: '', mysqlRw: null, mysqlRo: null };
const UP = { pid: 1, adopted: true, crashed: false, serverId: 1, port: 1, socketPath: '', version: '' };

let directory: string;
const ends: (() => Promise<void>)[] = [];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'skein-replica-'));
});
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
  await rm(directory, { recursive: true });
});

/** A server with an empty history that starts and stops replication on request. */
class Server {
  follows = false;
  /** Number of starts of replication. */
  times = 0;
  /** Number of status queries. */
  asked = 0;
  /** The answers wait for these promises. */
  slowStatus: Promise<void> = Promise.resolve();
  slowFollowing: Promise<void> = Promise.resolve();
  stopFails = false;

  readonly control: Partial<LocalControl> = {
    status: async () => {
      this.asked++;
      await this.slowStatus;
      return { gtidBinlogPos: '', gtidSlavePos: '', syncBinlog: 1, flushAtTrxCommit: 1 } as never;
    },
    replicaStatus: async () => this.threads,
    settleRecovery: async () => null,
    unreadableTables: async () => '',
    isFreeOfXa: async () => true,
    followEndpoint: async () => {
      await this.slowFollowing;
      this.follows = true;
      this.times++;
    },
    stopFollowing: async () => {
      if (this.stopFails) throw new Error('the server is busy');
      this.follows = false;
    },
  };

  get threads() {
    const healthy = { lastIoErrno: 0, lastIoError: '', lastSqlErrno: 0, lastSqlError: '' };
    return this.follows ? { ioRunning: true, sqlRunning: true, ...healthy } : null;
  }
}

const NO_SEEDING: Seeding = {
  need: () => null,
  cancel: async () => {},
  isRunning: false,
  closed: null,
  progress: null,
  keepsFrom: Number.POSITIVE_INFINITY,
  onChange: new Emitter(),
};

async function replica(server: Server): Promise<ReplicaRole> {
  const spool = await Spool.open(
    { directory: join(directory, 'spool') },
    { storage: diskStorage, logger: silentLogger, gtidText: mariadb.gtidText },
  );
  const password = 'unused';
  const role = new ReplicaRole(
    {
      ...{ node: 'n2', place: PLACE, boot: 1, applierStallMs: 60_000 },
      ...{ endpointUser: 'endpoint', endpointPassword: password },
      ...{ replicationUser: 'repl', replicationPassword: password },
    },
    {
      ...{ logger: silentLogger, flavour: mariadb, spool, chainFile: new ChainFile(directory) },
      ...{ ddlNote: ddlNoteFile(directory), xaFile: xaFile(directory) },
      logEndFile: new LogEndFile(directory, { logger: silentLogger }),
      events: new EventLog({ node: 'n2' }, { logger: silentLogger, audit: { add: () => {} } }),
      seeding: NO_SEEDING,
      lag: new LagMeter({}, { nowMs: 0, wallMs: 0 }),
      control: () => server.control as LocalControl,
      ack() {},
      adopted() {},
      chainChanged() {},
      resumeLink() {},
      restartSpool: async () => {},
      crashHandled: async () => {},
      kill() {},
      fail() {},
    },
  );
  await role.start();
  ends.push(
    () => spool.close(),
    () => role.stop(),
  );
  await role.serverUp(UP);
  return role;
}

const signal = () => new AbortController().signal;

it('replication that was ended by the role is not started again', async () => {
  const server = new Server();
  const role = await replica(server);
  await role.finish(signal());
  // The poll sees that the threads have ended, before the next role begins.
  await role.watchThreads(server.threads);
  await throughout('the server does not replicate', 50, () => !server.follows && server.times === 1);
});

it('the role ends only after a restart of the threads that is under way', async () => {
  const server = new Server();
  const role = await replica(server);
  let answer = () => {};
  let follow = () => {};
  server.slowStatus = new Promise((resolve) => (answer = resolve));
  server.slowFollowing = new Promise((resolve) => (follow = resolve));
  // The threads end while the role waits for the status.
  const finished = role.finish(signal());
  await until('it was asked', () => server.asked > 0);
  server.follows = false;
  await role.watchThreads(server.threads);
  answer();
  setTimeout(follow, 20);
  await finished;
  expect(server).toMatchObject({ follows: false, times: 2 });
});

it('while a role cannot end, the threads of its server are started again', async () => {
  const server = new Server();
  const role = await replica(server);
  server.stopFails = true;
  const given = new AbortController();
  const finished = role.finish(given.signal);
  server.follows = false;
  await until('it follows again', async () => {
    await role.watchThreads(server.threads);
    return server.times === 2;
  });
  given.abort(new Error('not wanted any more'));
  await expect(finished).rejects.toThrow('not wanted any more');
});

it('is not level because it has all of a primary that no majority answers: its lag grows as over a silent link', async () => {
  const role = await replica(new Server());
  const nowMs = monotonicMs();
  const beat = (agoMs: number, lagMs: number | null) =>
    role.heard(
      { ...heartbeatBody('n1', 'primary'), lagMs, sentAtMs: 50_000 - agoMs, uptimeMs: nowMs - agoMs },
      nowMs - agoMs,
    );
  beat(9_000, 0);
  expect(role.lagMs()).toBeGreaterThanOrEqual(9_000);
  beat(0, null);
  expect(role.lagMs()).toBeGreaterThanOrEqual(9_000);
  beat(0, 0);
  expect(role.lagMs()).toBe(0);
});
