// The same story as in test/system, each fault for 30 s.
process.env.SKEIN_TEST_FAULT_MS ??= '30000';
await import('../system/faults.test.js');
