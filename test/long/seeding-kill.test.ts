// The same as in test/full, for longer.
process.env.SKEIN_TEST_ROUNDS ??= '30';
await import('../full/seeding-kill.test.js');
