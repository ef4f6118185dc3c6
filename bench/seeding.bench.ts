/**
 * A fourth node joins a cluster from nothing while clients write: how long it takes until it is a healthy replica, beside
 * what people do by hand (mariadb-backup, mbstream, --prepare) with the same donor in the same run, and what the primary
 * does meanwhile. Checksums of all four nodes are compared after each join.
 * Run: npm run bench -- seeding [--short] [--gigabytes=5] [--rounds=1] [--clients=4] [--share=0.5] [--seconds=30]
 *   --gigabytes  of generated data; --short: 0.3
 *   --rounds     each copies in both ways, by turns another one first; --short: 2
 *   --clients    that write
 *   --share      of what these clients reach without a pause, as transactions a second; 1: they make no pause. All nodes, the
 *                clients and the copy are on one machine, so without a pause the copy can only take what the primary needs.
 *   --seconds    of the load alone before each copy; --short: 8
 * It needs room for about five times the data, in SKEIN_BENCH_DIR or the directory for temporary files.
 */
import { rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type BackupPrograms, obtainBackupPrograms } from '../src/server-packages/backup-programs.js';
import { dataBytes } from '../src/snapshot/data-size.js';
import { silentLogger } from '../src/std/logger.js';
import { sleep } from '../src/std/timing.js';
import { checksumAtRest } from '../test/kit/checksum.js';
import { fill, rowsOfTable } from './seeding/data.js';
import { joinFromNothing } from './seeding/join.js';
import { plainCopy } from './seeding/plain-copy.js';
import {
  aboutText,
  copyTable,
  goalTable,
  joinTable,
  type Measured,
  primaryTable,
  type Round,
} from './seeding/report.js';
import { type LoadOptions, WriteLoad } from './seeding/write-load.js';
import { cpuBetween, cpuOf, machineTime, othersShare } from './throughput/process-figures.js';
import { thisMachine } from './throughput/results.js';
import { SkeinTarget } from './throughput/skein-target.js';
import { sum } from './throughput/statistics.js';
import { DATABASE } from './throughput/sysbench.js';
import { asMarkdown } from './throughput/table.js';
import { Workshop } from './throughput/workshop.js';

/** Four servers and the plain copy, and something for what the load writes. */
const SPACE_FACTOR = 5;
const SPACE_MIN_BYTES = 4e9;
const WARM_UP_MS = 4_000;
const CHECKSUM_DEADLINE_MS = 600_000;
const FIRST_DONOR = 'n2';

const { values } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    gigabytes: { type: 'string' },
    rounds: { type: 'string' },
    clients: { type: 'string', default: '4' },
    share: { type: 'string', default: '0.5' },
    seconds: { type: 'string' },
  },
});
const bytes = 1e9 * positive('gigabytes', values.gigabytes ?? (values.short ? '0.3' : '5'));
const rounds = positive('rounds', values.rounds ?? (values.short ? '2' : '1'));
const clients = positive('clients', values.clients);
const share = positive('share', values.share);
const seconds = positive('seconds', values.seconds ?? (values.short ? '8' : '30'));

await Workshop.open(async (workshop) => {
  await refuseFullDisk(workshop.directory);
  const { binary, cacheDir, signal } = workshop;
  const startedAt = new Date().toISOString();
  const programs = await obtainBackupPrograms({ server: binary, cacheDir, signal }, { logger: silentLogger });
  const target = await startCluster(workshop);
  const pace = share < 1 ? { share, perSecond: share * (await reached(target, signal)) } : null;
  const load = { clients, rowsOfTable: rowsOfTable(bytes), pace: pace?.perSecond ?? null };
  const done: Round[] = [];
  let donor = FIRST_DONOR;
  for (let round = 0; round < rounds; round++) {
    const plainFirst = round % 2 === 1;
    const before = plainFirst ? await plainly(workshop, target, programs, donor, load) : null;
    const skein = await joined(target, load, signal);
    donor = skein.figures.donor;
    done.push({ skein, plain: before ?? (await plainly(workshop, target, programs, donor, load)) });
  }
  const about = {
    ...{ machine: thisMachine(), server: binary.version, startedAt, clients, pace },
    dataBytes: await dataBytes(join(target.directoryOf(donor), 'data')),
  };
  const tables = [copyTable(done), joinTable(done), primaryTable(done), goalTable(done)];
  console.log(`\n${[aboutText(about, done), ...tables.map(asMarkdown)].join('\n\n')}`);
});

/** One node gets the data; two more join it. */
async function startCluster(workshop: Workshop): Promise<SkeinTarget> {
  const mode = { id: 'skein', label: 'Skein', replicas: 0, kind: 'skein', acknowledge: 'majority' } as const;
  // A round of comparing rows would read everything meanwhile.
  const options = {
    directory: join(workshop.directory, 'skein'),
    nodesMax: 4,
    settings: { verifyIntervalHours: 0 },
  };
  const target = workshop.keep(await SkeinTarget.start(mode, options));
  say(`${(bytes / 1e9).toFixed(1)} GB are generated`);
  await fill(target.primary, bytes, workshop.signal);
  for (const name of ['n2', 'n3']) {
    say(`${name} joins, without load`);
    await joinFromNothing(target);
  }
  return target;
}

/** Transactions a second of clients that make no pause. */
async function reached(target: SkeinTarget, signal: AbortSignal): Promise<number> {
  const load = await WriteLoad.start(target.endpoint, {
    clients,
    rowsOfTable: rowsOfTable(bytes),
    pace: null,
  });
  try {
    await sleep(WARM_UP_MS, signal);
    load.window();
    await sleep(1000 * seconds, signal);
    return load.window().perSecond;
  } finally {
    await load.stop();
  }
}

async function joined(target: SkeinTarget, load: LoadOptions, signal: AbortSignal) {
  say('a fourth node joins under load');
  const measured = await underLoad(target, load, () => joinFromNothing(target), signal);
  say(`it was healthy after ${(measured.figures.healthyMs / 1000).toFixed(1)} s; checksums are compared`);
  await checksumAtRest(target.primary, target.replicas, {
    schemas: [DATABASE],
    deadlineMs: CHECKSUM_DEADLINE_MS,
  });
  await target.shrink();
  return measured;
}

async function plainly(
  workshop: Workshop,
  target: SkeinTarget,
  programs: BackupPrograms,
  donor: string,
  load: LoadOptions,
) {
  say(`${donor} is copied with plain programs under load`);
  const directory = join(workshop.directory, 'plain');
  const server = { ...(await target.serverOf(donor)), dataDir: join(target.directoryOf(donor), 'data') };
  const copy = () => plainCopy(server, directory, programs, workshop.signal);
  const measured = await underLoad(target, load, copy, workshop.signal);
  await rm(directory, { recursive: true });
  return measured;
}

async function underLoad<T>(
  target: SkeinTarget,
  options: LoadOptions,
  work: () => Promise<T>,
  signal: AbortSignal,
): Promise<Measured<T>> {
  const load = await WriteLoad.start(target.endpoint, options);
  try {
    await sleep(WARM_UP_MS, signal);
    load.window();
    const machineBefore = await machineTime();
    const processes = await target.processes();
    const cpuBefore = await cpuOf(processes);
    await sleep(1000 * seconds, signal);
    const before = load.window();
    // Of the load alone: whose the processes are that copy is not told apart later.
    const ownMs = sum(Object.values(cpuBetween(cpuBefore, await cpuOf(processes))));
    const share = othersShare(machineBefore, await machineTime(), ownMs);
    const figures = await work();
    return { before, meanwhile: load.window(), othersShare: share, figures };
  } finally {
    await load.stop();
  }
}

async function refuseFullDisk(directory: string): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  const needed = bytes * SPACE_FACTOR + SPACE_MIN_BYTES;
  if (bavail * bsize >= needed) return;
  const gigabytes = (count: number) => `${(count / 1e9).toFixed(1)} GB`;
  throw new Error(
    `${directory} has ${gigabytes(bavail * bsize)} free, and the bench needs ${gigabytes(needed)}. Name another disk with SKEIN_BENCH_DIR, or fewer --gigabytes.`,
  );
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`--${name} is "${text}"; expected a number above 0`);
  return value;
}

function say(text: string): void {
  console.error(`${new Date().toISOString().slice(11, 19)} ${text}`);
}
