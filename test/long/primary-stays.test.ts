// The same story as in test/full, with a minute of other programs.
process.env.SKEIN_TEST_ROUNDS ??= '4';
await import('../full/primary-stays.test.js');
