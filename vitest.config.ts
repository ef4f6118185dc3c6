import { defineConfig } from 'vitest/config';

// Three tiers: `unit` runs in parallel; `system` starts real servers and runs one file at a time (two cores);
// `long` is for `npm run test:long` only.
export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['{src,bench,client/src}/**/*.test.ts'], testTimeout: 20_000 } },
      {
        test: {
          name: 'system',
          include: ['test/system/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 180_000,
          fileParallelism: false,
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
