// Kills of the primary's node at more moments of a change of members.
process.env.SKEIN_TEST_ROUNDS ??= '10';
await import('../full/members.test.js');
