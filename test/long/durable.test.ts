// The same story as in test/system, ten rounds.
process.env.SKEIN_TEST_ROUNDS ??= '10';
await import('../full/durable.test.js');
