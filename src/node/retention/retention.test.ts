import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EventLog } from '../../events/event-log.js';
import type { ClusterStatus, MemberStatus } from '../../model/status.js';
import { silentLogger } from '../../std/logger.js';
import { Retention } from './retention.js';
import { diskText } from './texts.js';

/** A server's log whose files have 10 transactions each, in a real directory. */
class ServerLog {
  readonly purges: string[] = [];
  files: { name: string; bytes: number; before: number }[] = [];
  /** A dump is reading this file, so the server does not purge it. */
  inUse: string | null = null;
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async grow(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const before = (this.files.at(-1)?.before ?? -10) + 10;
      const name = `bin.${String(before / 10 + 1).padStart(6, '0')}`;
      await writeFile(join(this.#directory, name), '');
      this.files.push({ name, bytes: 100, before });
    }
  }

  async age(name: string, hours: number): Promise<void> {
    const at = new Date(Date.now() - hours * 3_600_000);
    await utimes(join(this.#directory, name), at, at);
  }

  purge(before: string): void {
    this.purges.push(before);
    while (this.files[0] && this.files[0].name !== before && this.files[0].name !== this.inUse)
      this.files.shift();
  }
}

let directory: string;
let log: ServerLog;
let members: { name: string; has: number; gone?: boolean; silent?: boolean; witness?: boolean }[];
let role: 'primary' | 'replica';
let durable: number | null;
let events: EventLog;
let retention: Retention;
let told: number;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'skein-retention-'));
  log = new ServerLog(directory);
  members = [{ name: 'n2', has: 1e9 }];
  role = 'primary';
  durable = 1e9;
  told = 0;
  events = new EventLog({ node: 'n1' }, { logger: silentLogger, audit: { add: () => {} } });
  retention = new Retention(
    {
      node: 'n1',
      limits: { bytes: 1000, ageMs: 72 * 3_600_000 },
      freeBytesMin: 0,
      dataDirectory: directory,
      spoolDirectory: directory,
    },
    {
      logger: silentLogger,
      events,
      logFiles: async () => log.files.map(({ name, bytes }) => ({ name, bytes })),
      logFileBegin: async (name) => {
        const before = log.files.find((file) => file.name === name)?.before;
        return before === undefined ? null : before === 0 ? '' : `0-1-${before}`;
      },
      countOf: (position) => Number(position.split('-')[2] ?? 0),
      purgeLogs: async (before) => log.purge(before),
      keepLogs: async () => false,
      serverPid: () => 1,
      xaAgreed: async () => null,
      changed: () => void told++,
      role: {
        get role() {
          return role;
        },
        isOpen: () => ({ open: true }),
        durable: () => durable,
        holdWrites: async () => {},
        clusterStatus: () => status(),
      },
    },
  );
});

afterEach(() => rm(directory, { recursive: true, force: true }));

function status(): ClusterStatus {
  const all = members.map(({ name, has, gone, silent, witness }) => ({
    ...{ name, witness },
    state: gone ? 'gone' : 'live',
    lastHeartbeatMs: silent ? null : 5,
    positions: { received: has, durable: has, committed: has, applied: has },
  }));
  return { primary: role === 'primary' ? 'n1' : 'n2', members: all as MemberStatus[] } as ClusterStatus;
}

const said = () => events.ring.kept.map(({ event, data }) => `${event} ${data.subject}`);
const left = () => log.files.length;

describe('retention', () => {
  it('purges files at the limit that all members have, without an event', async () => {
    await log.grow(13);
    await retention.look();
    expect(left()).toBe(10);
    expect(said()).toEqual([]);
    expect(retention.status).toMatchObject({ files: 10, bytes: 1000, begin: 31 });
  });

  it('purges by the age of the files', async () => {
    await log.grow(5);
    for (const name of ['bin.000001', 'bin.000002']) await log.age(name, 73);
    await log.age('bin.000003', 71);
    await retention.look();
    expect(log.purges).toEqual(['bin.000003']);
  });

  it('keeps nothing for a witness, whose log may begin anew', async () => {
    members.push({ name: 'w3', has: 15, gone: true, witness: true });
    await log.grow(13);
    await retention.look();
    expect([left(), said()]).toEqual([10, []]);
  });

  it('warns before it purges, however fast the log grows', async () => {
    members.push({ name: 'n3', has: 15, gone: true });
    await log.grow(5);
    await retention.look();
    expect(said()).toEqual([]);
    await log.grow(20);
    await retention.look();
    expect(left()).toBe(25);
    expect(said()).toEqual(['retention.warning n3']);
    await retention.look();
    expect(left()).toBe(10);
    expect(said()).toEqual(['retention.warning n3', 'retention.dropped n3']);
    await log.grow(3);
    await retention.look();
    expect(retention.warnings).toEqual([
      expect.stringMatching(/^n3 needs changes that are no longer in the binary log of n1/),
    ]);
    expect(said()).toHaveLength(2);
    expect(told).toBeGreaterThan(0);
  });

  it('warns about a member once, and again after it had caught up', async () => {
    const n3 = { name: 'n3', has: 5, gone: true };
    members.push(n3);
    await log.grow(9);
    for (let look = 0; look < 5; look++) await retention.look();
    expect(said()).toEqual(['retention.warning n3']);
    n3.has = 90;
    for (let look = 0; look < 100; look++) await retention.look();
    expect(retention.warnings).toEqual([]);
    await log.grow(9);
    await retention.look();
    expect(said()).toEqual(['retention.warning n3', 'retention.warning n3']);
  });

  it('warns once about a member whose position is not known', async () => {
    members.push({ name: 'n3', has: 0, gone: true, silent: true });
    await log.grow(12);
    await retention.look();
    await retention.look();
    await log.grow(4);
    await retention.look();
    expect(said()).toEqual(['retention.warning n3', 'retention.dropped n3']);
    expect(left()).toBe(10);
  });

  it('reports what was purged, not what was planned: a file that a dump reads stays', async () => {
    members.push({ name: 'n3', has: 12 });
    await log.grow(9);
    await retention.look();
    log.inUse = 'bin.000002';
    await log.grow(9);
    await retention.look();
    await retention.look();
    expect(log.files[0]?.name).toBe('bin.000002');
    expect(said()).toEqual(['retention.warning n3']);
  });

  it('purges nothing while the durable position or the members are not known', async () => {
    await log.grow(20);
    durable = null;
    await retention.look();
    durable = 1e9;
    role = 'replica';
    members = [];
    await retention.look();
    expect(log.purges).toEqual([]);
  });

  it('on a replica purges the own log, without warnings and events', async () => {
    role = 'replica';
    members.push({ name: 'n3', has: 15, gone: true });
    await log.grow(13);
    await retention.look();
    expect(left()).toBe(10);
    expect(said()).toEqual([]);
    expect(retention.warnings).toEqual([]);
  });
});

it('a witness with a full disk says what frees it', () => {
  const space = { freeBytes: 0, wantedBytes: 2 ** 30, role: 'witness', away: ['n2'] } as const;
  expect(diskText('the spool', { ...space, isFull: false })).toContain('or remove it from the cluster');
  expect(diskText('the spool', { ...space, isFull: false })).toContain('may still need from it (away: n2)');
  expect(diskText('the spool', { ...space, isFull: true })).toContain('writes need all servers');
});
