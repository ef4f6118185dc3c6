import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Maintenance } from './maintenance.js';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'skein-maintenance-'));
});

afterEach(() => rm(directory, { recursive: true }));

async function loaded() {
  const maintenance = new Maintenance(directory);
  await maintenance.load();
  return maintenance;
}

it('is off at first, and lasts over restarts once it is on', async () => {
  const maintenance = await loaded();
  let changes = 0;
  maintenance.onChange.on(() => void changes++);
  expect(maintenance.isOn).toBe(false);
  await maintenance.set(true);
  await maintenance.set(true);
  expect([maintenance.isOn, changes]).toEqual([true, 1]);
  expect((await loaded()).isOn).toBe(true);
  await maintenance.set(false);
  expect([maintenance.isOn, changes]).toEqual([false, 2]);
  expect((await loaded()).isOn).toBe(false);
});

it('is not guessed from a damaged file', async () => {
  await writeFile(join(directory, 'maintenance.json'), '{');
  await expect(loaded()).rejects.toMatchObject({ code: 'MAINTENANCE_UNREADABLE' });
});
