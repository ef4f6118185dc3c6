import { setImmediate } from 'node:timers/promises';
import { MessageChannel } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { epochEntry } from '../../test/kit/chain-entry.js';
import { until } from '../../test/kit/until.js';
import { FactsReader } from './facts-reader.js';
import type { FactsMessage, PlaneFacts } from './messages.js';
import { createSharedMemory, type PlaneState, StateReader, StateWriter } from './shared-state.js';

const facts = (closedReason: string | null): PlaneFacts => ({
  closedReason,
  ready: { ok: closedReason === null, state: 'live', reason: closedReason },
  server: null,
  primary: null,
  primaryHttp: null,
  voters: ['n2', 'n3'],
});

const state = (change: Partial<PlaneState>): PlaneState => ({
  role: 'primary',
  openness: 'OPEN',
  ...{ epoch: 1, generation: 1, count: 1, received: 1, committed: 1, everywhere: 1, answered: 1, applied: 1 },
  ...{ lagMs: 0, atMs: 0, facts: 0, durable: [] },
  ...change,
});

const open: { close(): void }[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

function planes() {
  const memory = createSharedMemory();
  const { port1, port2 } = new MessageChannel();
  const reader = new FactsReader({ state: new StateReader(memory), port: port2 });
  open.push(reader, port1);
  const changes: (string | null)[] = [];
  reader.onChange.on(() => changes.push(reader.facts.closedReason));
  return {
    reader,
    changes,
    post: (message: FactsMessage) => port1.postMessage(message),
    writer: new StateWriter(memory),
  };
}

describe('facts', () => {
  it('are as new as the numbers, although no message was delivered yet', () => {
    const { reader, post, writer } = planes();
    post({ number: 1, facts: facts('it recovers'), chain: [] });
    post({ number: 2, facts: facts(null) });
    writer.write(state({ facts: 2 }));
    // In the same turn: no event of the port has been.
    expect(reader.facts.closedReason).toBeNull();
    const chain = [epochEntry(1, { epoch: 0, ordinal: 0, gtid: '' })];
    post({ number: 3, chain });
    writer.write(state({ facts: 3 }));
    expect(reader.chain).toEqual(chain);
    expect(reader.facts.closedReason).toBeNull();
  });

  it('are told to the listeners once, however they came', async () => {
    const { reader, changes, post, writer } = planes();
    post({ number: 1, facts: facts('taken out early') });
    writer.write(state({ facts: 1 }));
    reader.state;
    expect(changes).toEqual([]);
    await until('listeners are told of what was taken', () => changes.length > 0);
    writer.write(state({ facts: 2 }));
    post({ number: 2, facts: facts('by itself') });
    post({ number: 2 });
    await until('listeners are told of a message', () => changes.length > 1);
    writer.write(state({ facts: 2 }));
    post({ number: 2 });
    post({ number: 3, facts: facts('before the memory') });
    await setImmediate();
    await setImmediate();
    expect(changes).toEqual(['taken out early', 'by itself']);
    writer.write(state({ facts: 3 }));
    post({ number: 3 });
    await until('listeners are told when the memory says so', () => changes.length > 2);
    expect(changes.at(-1)).toBe('before the memory');
  });

  it('that were taken out before the memory names them are told when it does', async () => {
    const { reader, changes, post, writer } = planes();
    post({ number: 1, facts: facts('one') });
    post({ number: 1 });
    post({ number: 2, facts: facts('two') });
    writer.write(state({ facts: 1 }));
    // Takes both out.
    reader.state;
    await setImmediate();
    expect(changes).toEqual([]);
    writer.write(state({ facts: 2 }));
    post({ number: 2 });
    await until('listeners are told', () => changes.length > 0);
    expect(changes).toEqual(['two']);
  });

  it('of a closing are told before a look returns', () => {
    const { reader, changes, post, writer } = planes();
    post({ number: 1, facts: facts(null) });
    writer.write(state({ facts: 1 }));
    reader.look();
    expect(changes).toEqual([]);
    post({ number: 2, facts: facts('fenced') });
    writer.write(state({ facts: 2, openness: 'SERVER_DOWN' }));
    reader.look();
    expect(changes).toEqual(['fenced']);
  });
});
