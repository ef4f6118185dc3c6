/**
 * The spool alone on a real disk: groups of 2 KB appended by group commit, at several depths of the pipe (how many groups
 * may be waiting for their fsync), then bulk, and how quickly readers follow; and what the disk itself takes for one durable
 * write, at the end of a file and over what was written before (as preallocated segments would be). Run: npm run bench -- spool
 * SKEIN_BENCH_DIR names the disk to try (default: the system's directory for temporary files).
 */
import { closeSync, constants, fsyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Spool } from '../src/spool/spool.js';
import { diskStorage, type Storage } from '../src/spool/storage.js';
import { silentLogger } from '../src/std/logger.js';
import { makeGroup, mariadbGtidText } from '../test/kit/spool/record-maker.js';

const PAYLOAD_BYTES = 2048;
const RUN_MS = 3000;
const GROUPS_MAX = 100_000;
const BULK_BYTES = 256 * 1024 * 1024;
const DURABLE_WRITES = 2000;

const directory = mkdtempSync(join(process.env.SKEIN_BENCH_DIR ?? tmpdir(), 'skein-bench-spool-'));
try {
  for (const depth of [1, 8, 64, 512]) await groupCommit(depth);
  await bulk();
  durableWrites();
} finally {
  rmSync(directory, { recursive: true });
}

function counting(): { storage: Storage; syncs: () => number } {
  let syncs = 0;
  const storage: Storage = {
    ...diskStorage,
    open: async (path, mode) => {
      const file = await diskStorage.open(path, mode);
      return {
        size: () => file.size(),
        read: (target, position) => file.read(target, position),
        write: (buffers, position) => file.write(buffers, position),
        truncate: (size) => file.truncate(size),
        close: () => file.close(),
        datasync: () => {
          syncs += 1;
          return file.datasync();
        },
        writeDurably: (buffers, position) => {
          syncs += 1;
          return file.writeDurably(buffers, position);
        },
      };
    },
  };
  return { storage, syncs: () => syncs };
}

function open(name: string, storage: Storage): Promise<Spool> {
  const options = { directory: join(directory, name) };
  return Spool.open(options, { storage, logger: silentLogger, gtidText: mariadbGtidText });
}

/** Encoded beforehand: what is measured is the spool. */
function prepare(from: number, count: number): Buffer[] {
  const payload = Buffer.alloc(PAYLOAD_BYTES, 7);
  return Array.from({ length: count }, (_, index) =>
    Buffer.concat(makeGroup({ ordinal: from + index, epoch: 1, previousEpoch: 1, payload })),
  );
}

async function groupCommit(depth: number): Promise<void> {
  const { storage, syncs } = counting();
  const spool = await open(`depth-${depth}`, storage);
  const ready = prepare(1, GROUPS_MAX);
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  await new Promise<void>((resolve) => {
    const more = () => {
      while (spool.end.ordinal - spool.durable.ordinal < depth) {
        const bytes = ready[spool.end.ordinal];
        if (!bytes || performance.now() - startedAt > RUN_MS) {
          if (spool.end.ordinal === spool.durable.ordinal) resolve();
          return;
        }
        spool.append(bytes);
      }
    };
    spool.onDurable.on(more);
    more();
  });
  const spentMs = performance.now() - startedAt;
  const used = process.cpuUsage(cpu);
  const groups = spool.durable.ordinal;
  const perSecond = (value: number) => Math.round((value * 1000) / spentMs);
  console.log(
    `depth ${String(depth).padStart(4)}: ${perSecond(groups)} groups/s, ${perSecond(syncs())} fsyncs/s, ` +
      `${(perSecond(groups * PAYLOAD_BYTES) / 1e6).toFixed(1)} MB/s, ${(groups / syncs()).toFixed(1)} groups per fsync, ` +
      `${((used.user + used.system) / groups).toFixed(1)} us CPU per group`,
  );
  await spool.close();
}

async function bulk(): Promise<void> {
  const { storage, syncs } = counting();
  const spool = await open('bulk', storage);
  const payload = Buffer.alloc(64 * 1024, 7);
  const count = BULK_BYTES / payload.length;
  const all = Array.from({ length: count }, (_, index) =>
    Buffer.concat(makeGroup({ ordinal: index + 1, epoch: 1, previousEpoch: 1, payload })),
  );
  let startedAt = performance.now();
  for (const bytes of all) {
    if (!spool.append(bytes))
      await new Promise<void>((resolve) => {
        const off = spool.onDrain.on(() => {
          off();
          resolve();
        });
      });
  }
  await spool.flush();
  const report = (what: string) => {
    const seconds = (performance.now() - startedAt) / 1000;
    console.log(`${what}: ${(BULK_BYTES / 1e6 / seconds).toFixed(0)} MB/s in ${seconds.toFixed(2)} s`);
  };
  report(`bulk append of 64 KiB groups, ${syncs()} fsyncs`);
  startedAt = performance.now();
  const reader = spool.reader(1);
  while (await reader.next(count, 256 * 1024));
  report('read back with CRC, from files');
  await spool.close();
  startedAt = performance.now();
  await (await open('bulk', storage)).close();
  report('recovery (every record checked)');
}

function durableWrites(): void {
  const payload = Buffer.alloc(PAYLOAD_BYTES, 7);
  for (const way of ['at the end of the file', 'over zeros that were written before'] as const) {
    const path = join(directory, 'durable-writes');
    const { O_CREAT, O_DSYNC, O_RDWR, O_TRUNC } = constants;
    const fd = openSync(path, O_CREAT | O_RDWR | O_TRUNC | O_DSYNC, 0o600);
    if (way !== 'at the end of the file') {
      writeSync(fd, Buffer.alloc(DURABLE_WRITES * PAYLOAD_BYTES));
      fsyncSync(fd);
    }
    const cpu = process.cpuUsage();
    const startedAt = performance.now();
    for (let at = 0; at < DURABLE_WRITES; at++) writeSync(fd, payload, 0, PAYLOAD_BYTES, at * PAYLOAD_BYTES);
    const us = ((performance.now() - startedAt) * 1000) / DURABLE_WRITES;
    const used = process.cpuUsage(cpu);
    const cpuUs = (used.user + used.system) / DURABLE_WRITES;
    console.log(`one durable write ${way}: ${us.toFixed(0)} us, ${cpuUs.toFixed(0)} us of it CPU`);
    closeSync(fd);
  }
}
