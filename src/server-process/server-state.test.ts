import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../std/logger.js';
import { closedServerId, newServerState, ServerStateFile } from './server-state.js';

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'skein-state-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

describe('the id of a closed server', () => {
  it('is fresh at each start and stays in the range that no GTID has', () => {
    const { instance } = newServerState();
    const ids = new Set<number>();
    for (let starts = 1; starts <= 1000; starts++) ids.add(closedServerId({ instance, starts }));
    expect(ids.size).toBe(1000);
    expect(closedServerId({ instance: 0, starts: 0 })).toBe(2_000_000_000);
    expect(closedServerId({ instance: 30_499, starts: 65_535 })).toBeLessThan(4_000_000_000);
  });
});

describe('the files about a server', () => {
  it('hold the bare pid for people, and the rest beside it', async () => {
    const file = new ServerStateFile(directory, { logger: silentLogger });
    const process = { pid: 4711, startedAt: 'b:99' };
    await file.write({ instance: 5, starts: 2, port: 4000, process });
    expect(await readFile(join(directory, 'server.pid'), 'utf8')).toBe('4711\n');
    expect(await file.readPid()).toBe(4711);
    expect(await file.read()).toEqual({ instance: 5, starts: 2, port: 4000, process });
    await file.write({ instance: 5, starts: 2, port: 4000, process: null });
    expect(await file.readPid()).toBeNull();
  });

  it.each(['', '{', '[]', '{"instance":"x"}', 'null'])('begin again when they hold %j', async (text) => {
    await writeFile(join(directory, 'server.json'), text);
    expect(await new ServerStateFile(directory, { logger: silentLogger }).read()).toMatchObject({
      starts: 0,
      port: null,
      process: null,
    });
  });

  it.each(['', 'x', '1 2', '-1'])('name no process when the pid file holds %j', async (text) => {
    await writeFile(join(directory, 'server.pid'), text);
    expect(await new ServerStateFile(directory, { logger: silentLogger }).readPid()).toBeNull();
  });
});
