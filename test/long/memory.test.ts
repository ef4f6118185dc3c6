// The same story as in test/system, with a transaction of 1 GB.
process.env.SKEIN_TEST_MEGABYTES ??= '1024';
await import('../full/memory.test.js');
