// The same story as in test/full, with ten kills while the log is purged.
process.env.SKEIN_TEST_ROUNDS ??= '10';
await import('../full/retention.test.js');
