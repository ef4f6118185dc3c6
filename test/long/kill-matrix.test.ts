// The same story as in test/system: ten rounds of each, with the product's own heartbeats and 12 s for each fault.
process.env.SKEIN_TEST_ROUNDS ??= '10';
process.env.SKEIN_TEST_FAULT_MS ??= '12000';
await import('../full/kill-matrix.test.js');
