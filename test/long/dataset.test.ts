// The same story as in test/system, with the million rows that the promise is about.
process.env.SKEIN_TEST_ROWS ??= '1000000';
await import('../full/dataset.test.js');
