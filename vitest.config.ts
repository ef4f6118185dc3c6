import { defineConfig } from 'vitest/config';

// Four tiers. `npm test` runs `unit`, in parallel, and `system`, which starts real servers and runs two files at a time (two
// cores). `npm run test:all` runs `full` too, in the same way, and `npm run test:long` runs `long`.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{src,bench,client/src,console/src,test/torture}/**/*.test.ts'],
          setupFiles: ['test/kit/fixed-seed.ts'],
          // A busy machine is no failure; a test that waits for something names its own deadline.
          testTimeout: 60_000,
          // Loading the same modules for each of 170 files would take more than half of the time.
          isolate: false,
          // Without this, two cores get one worker.
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: 'system',
          setupFiles: ['test/kit/fixed-seed.ts'],
          include: ['test/system/**/*.test.ts'],
          // For a test that hangs. What it waits for has deadlines of its own, and a busy machine may need a part of each.
          testTimeout: 300_000,
          hookTimeout: 300_000,
          // Two files at a time: most of their time is waiting, and a test must not need a machine of its own.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'full',
          setupFiles: ['test/kit/fixed-seed.ts'],
          include: ['test/full/**/*.test.ts'],
          // As above.
          testTimeout: 300_000,
          hookTimeout: 300_000,
          maxWorkers: 2,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: 'long',
          include: ['test/long/**/*.test.ts'],
          testTimeout: 1_800_000,
          hookTimeout: 180_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
