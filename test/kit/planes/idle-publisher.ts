import { PlanePublisher } from '../../../src/node/plane-publisher.js';

/** Publishes the state of a replica that does nothing. */
export function idlePublisher(): PlanePublisher {
  return new PlanePublisher({
    role: {
      role: 'replica',
      epoch: () => 1,
      isOpen: () => ({ open: true }),
      positions: () => ({
        ...{ count: null, received: 1, committed: 1, everywhere: 0, answered: 0, applied: 1 },
        ...{ durable: [], lagMs: 0 },
      }),
    },
    chain: () => [],
    generation: () => 1,
    facts: () => ({
      closedReason: null,
      ready: { ok: true, state: 'live', reason: null },
      ...{ server: null, primary: null, primaryHttp: null, voters: [] },
    }),
  });
}
