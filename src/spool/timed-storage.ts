import { monotonicMs } from '../std/clock.js';
import type { Histogram } from '../std/histogram.js';
import type { Storage, StorageFile } from './storage.js';

/** `storage`, with the time that each durable write or datasync took (seconds) counted in `histogram`. */
export function timedStorage(storage: Storage, histogram: Histogram): Storage {
  const timed = (file: StorageFile): StorageFile => ({
    size: () => file.size(),
    read: (target, position) => file.read(target, position),
    write: (buffers, position) => file.write(buffers, position),
    truncate: (size) => file.truncate(size),
    close: () => file.close(),
    datasync: async () => {
      const startedAtMs = monotonicMs();
      await file.datasync();
      histogram.observe((monotonicMs() - startedAtMs) / 1000);
    },
    writeDurably: (buffers, position) => {
      const startedAtMs = monotonicMs();
      const count = () => histogram.observe((monotonicMs() - startedAtMs) / 1000);
      const writing = file.writeDurably(buffers, position);
      if (writing) return writing.then(count);
      count();
      return null;
    },
  });
  return { ...storage, open: async (path, mode) => timed(await storage.open(path, mode)) };
}
