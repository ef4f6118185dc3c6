// Loaded before a node (`--import`): its elections wait five times as long as in the product, for tests that are about something else.
// On a busy machine no other node is elected meanwhile, and a primary whose replicas stand still goes on for some seconds. A process
// that dies is noticed as soon as ever, because its links are closed.

const options = new URL('../../../dist/election/options.js', import.meta.url);
const { ELECTION_DEFAULTS } = await import(options.href);

Object.assign(ELECTION_DEFAULTS, { electionTimeoutMinMs: 5_000, electionTimeoutMaxMs: 7_500 });
