import fc from 'fast-check';

/**
 * Loaded before each file of tests. Random inputs are the same at each run, so that no run fails by chance;
 * `SKEIN_TEST_SEED=<number>` tries others.
 */
fc.configureGlobal({ seed: Number(process.env.SKEIN_TEST_SEED ?? 1) });
