import { expect, test } from 'vitest';
import { runSchedule, Violation } from '../../test/kit/spool/simulated-schedule.js';
import type { Storage, StorageFile } from './storage.js';

/** Another seed range: SKEIN_SPOOL_SEED=5000 SKEIN_SPOOL_SCHEDULES=100000 npx vitest run src/spool */
const FIRST_SEED = Number(process.env.SKEIN_SPOOL_SEED ?? 1);
const SCHEDULES = Number(process.env.SKEIN_SPOOL_SCHEDULES ?? 1000);
const STEPS = 60;

test('random lives on a disk that forgets what was not synced', { timeout: 3_600_000 }, async () => {
  const counts: Record<string, number> = {};
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SCHEDULES; seed++) {
    try {
      const done = await runSchedule({ seed, steps: STEPS });
      for (const [step, count] of Object.entries(done)) counts[step] = (counts[step] ?? 0) + count;
    } catch (error) {
      throw new Error(`seed ${seed}: ${String(error)}`, { cause: error });
    }
  }
  // The schedules did meet everything they are about.
  for (const step of ['append', 'cut', 'purge', 'powerCut', 'kill', 'failSync', 'follow']) {
    expect(counts[step], step).toBeGreaterThan(SCHEDULES / 4);
  }
});

/** How often the same schedules fail when the ground under the spool is changed. */
async function violations(wrap: (storage: Storage) => Storage, schedules: number): Promise<number> {
  let count = 0;
  for (let seed = 1; seed <= schedules; seed++) {
    try {
      await runSchedule({ seed, steps: STEPS, wrap });
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      count += 1;
    }
  }
  return count;
}

function withFiles(storage: Storage, change: (file: StorageFile) => StorageFile): Storage {
  return {
    open: async (path, mode) => change(await storage.open(path, mode)),
    list: (directory) => storage.list(directory),
    makeDirectory: (path) => storage.makeDirectory(path),
    rename: (from, to) => storage.rename(from, to),
    unlink: (path) => storage.unlink(path),
    syncDirectory: (path) => storage.syncDirectory(path),
  };
}

test('the schedules find out an acknowledgement that is sent before the fsync', async () => {
  const early = (storage: Storage) =>
    withFiles(storage, (file) => ({ ...file, writeDurably: file.write, datasync: () => Promise.resolve() }));
  expect(await violations(early, 20)).toBeGreaterThan(15);
});

test('the schedules find out a directory that is not synced', async () => {
  const forgetful = (storage: Storage): Storage => ({
    ...withFiles(storage, (file) => file),
    syncDirectory: () => Promise.resolve(),
  });
  expect(await violations(forgetful, 20)).toBeGreaterThan(10);
});
