import { MessageChannel } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { epochEntry } from '../../test/kit/chain-entry.js';
import { gtidIn } from '../../test/kit/gtid.js';
import { EventRing } from '../events/event-ring.js';
import { mariadb } from '../flavour/mariadb/mariadb.js';
import type { ChainEntry } from '../model/chain.js';
import { ORIGIN } from '../model/position.js';
import { FactsReader } from '../planes/facts-reader.js';
import type { PlaneFacts } from '../planes/messages.js';
import { PlaneSignals } from '../planes/plane-signals.js';
import { sharedClockMs } from '../planes/shared-clock.js';
import { createSharedMemory, type PlaneState, StateReader, StateWriter } from '../planes/shared-state.js';
import { Cancellation } from '../std/cancellation.js';
import { PlaneNodeView } from './node-view.js';
import { PositionWaits } from './position-waits.js';
import { Questions } from './questions.js';

const open: { close(): void }[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

const lines = { search: async () => ({ lines: [], isCut: false }), subscribe: () => () => {} };
const gtid = (ordinal: number) => gtidIn(1, ordinal);
const position = (ordinal: number) => ({ epoch: 1, ordinal, gtid: gtid(ordinal) });

/** A node whose replication plane is the test. `applied`: what the replica's server answers when it is asked. */
function node({ applied = async () => true }: { applied?: (ordinal: number) => Promise<boolean> } = {}) {
  const memory = createSharedMemory();
  const { port1, port2 } = new MessageChannel();
  const plane = new FactsReader({ state: new StateReader(memory), port: port2 });
  open.push(plane, port1);
  const writer = new StateWriter(memory);
  const signals = new PlaneSignals();
  const waits = new PositionWaits({ plane, signals, readNow() {} });
  let number = 0;
  let state: PlaneState = {
    role: 'primary',
    openness: 'OPEN',
    ...{
      epoch: 1,
      generation: 4,
      count: 1,
      received: 10,
      committed: 5,
      everywhere: 3,
      answered: 5,
      applied: 5,
    },
    ...{ lagMs: 0, atMs: sharedClockMs(), facts: 0, durable: [5, 3] },
  };
  let facts: PlaneFacts = {
    closedReason: null,
    ready: { ok: true, state: 'live', reason: null },
    server: { socketPath: '/run/s.sock', port: 1, generation: 4 },
    ...{ primary: null, primaryHttp: null, voters: ['n2', 'n3'] },
  };
  const chain: ChainEntry[] = [epochEntry(1, ORIGIN)];
  const publish = (change: Partial<PlaneState>, changed: Partial<PlaneFacts> = {}, begun?: ChainEntry) => {
    facts = { ...facts, ...changed };
    if (begun) chain.push(begun);
    port1.postMessage({ number: ++number, facts, chain });
    state = { ...state, atMs: sharedClockMs(), ...change, facts: number };
    writer.write(state);
    if (signals.takeWaiting()) waits.moved();
  };
  publish({});
  const asked: string[] = [];
  const view = new PlaneNodeView({
    config: {
      name: 'n1',
      cluster: 'c',
      acknowledge: 'majority',
      directory: '/nowhere',
      tls: null,
      witness: false,
    },
    clusterId: 'id',
    ...{ secret: Buffer.alloc(32), dumpProgram: 'dump', flavour: mariadb, plane, waits },
    questions: new Questions({ send: (_, what) => asked.push(what) }),
    waitApplied: applied,
    authority: () => undefined,
    loginRefused() {},
    backup: () => Promise.reject(new Error('no backup is made here')),
    statements: async () => [],
    endStatement: async () => null,
    history: () => ({ stepMs: 1000, endsAt: null, members: [] }),
    metrics: async () => '',
    events: new EventRing(),
    audit: { add() {}, ...lines },
    logs: lines,
  });
  return { view, publish, asked };
}

const wait = () => ({ timeoutMs: 60_000, signal: new AbortController().signal });

describe('a write', () => {
  it('is confirmed at its level, by those who have it', async () => {
    const { view, publish } = node();
    const over = new Cancellation();
    expect(await view.waitCommitted(gtid(5), 'majority', { over })).toEqual({
      position: position(5),
      acknowledgedBy: ['n2'],
    });
    const all = view.waitCommitted(gtid(5), 'all', { over });
    publish({ everywhere: 5, durable: [5, 5] });
    expect((await all).acknowledgedBy).toEqual(['n2', 'n3']);
    expect((await view.waitCommitted(gtid(10), 'async', { over })).acknowledgedBy).toEqual([]);
  });

  it('is not known any more when the count ends, also when another one begins at once', async () => {
    for (const count of [null, 2]) {
      const { view, publish } = node();
      const waiting = view.waitCommitted(gtid(7), 'majority', { over: new Cancellation() });
      publish({ count, committed: 9 });
      await expect(waiting).rejects.toMatchObject({ code: 'ROLE_LOST' });
    }
  });

  it('is not confirmed by another transaction of the same number, which a later epoch wrote', async () => {
    const { view, publish } = node();
    const second = epochEntry(2, position(6));
    publish({ epoch: 2, count: 3, received: 9, committed: 9 }, {}, second);
    const over = new Cancellation();
    expect((await view.waitCommitted(gtid(6), 'majority', { over })).position).toEqual(position(6));
    await expect(view.waitCommitted(gtid(7), 'majority', { over })).rejects.toMatchObject({
      code: 'ROLE_LOST',
    });
    expect((await view.waitCommitted(gtidIn(2, 7), 'majority', { over })).position.epoch).toBe(2);
  });

  it('is not confirmed by a replica', async () => {
    const { view, publish } = node();
    publish({ role: 'replica', count: null });
    await expect(view.waitCommitted(gtid(1), 'majority', { over: new Cancellation() })).rejects.toMatchObject(
      {
        code: 'NOT_PRIMARY',
      },
    );
  });
});

describe('a position', () => {
  it('is waited for on the primary until it is answered', async () => {
    const { view, publish } = node();
    expect(view.appliedPosition()).toEqual(position(5));
    const waiting = view.waitApplied(position(6), wait());
    publish({ answered: 6, applied: 6 });
    await waiting;
    await expect(view.waitApplied(position(7), { ...wait(), timeoutMs: 20 })).rejects.toMatchObject({
      code: 'POSITION_NOT_REACHED',
    });
  });

  it('that was lost is refused', async () => {
    const { view, publish } = node();
    publish({}, {}, epochEntry(3, position(3)));
    await expect(view.waitApplied(position(4), wait())).rejects.toMatchObject({
      code: 'TRANSACTION_LOST',
    });
  });

  it.each(['primary', 'replica'] as const)(
    'of a newer epoch is not lost, and not reached, for a former primary that is still %s and has not heard of it',
    async (role) => {
      const { view, publish } = node();
      publish({ role });
      const newer = view.waitApplied({ ...position(4), epoch: 3 }, wait());
      await expect(newer).rejects.toMatchObject({ code: 'POSITION_NOT_REACHED' });
    },
  );

  it('is lost when the node has lost its role and got it again during the wait: the number is another one’s now', async () => {
    const { view, publish } = node();
    const waiting = view.waitApplied(position(7), wait());
    publish({ role: 'replica', answered: 0 });
    publish({ epoch: 3, answered: 9 }, {}, epochEntry(3, position(6)));
    await expect(waiting).rejects.toMatchObject({ code: 'TRANSACTION_LOST' });
  });

  it('is asked of the server of a replica, and known from then on, as long as it is that server', async () => {
    const asked: number[] = [];
    const { view, publish } = node({ applied: async (ordinal) => asked.push(ordinal) < 9 });
    publish({ role: 'replica' });
    await view.waitApplied(position(8), wait());
    expect(view.appliedPosition()).toEqual(position(8));
    await view.waitApplied(position(8), wait());
    expect(asked).toEqual([8]);
    publish({ generation: 5 });
    expect(view.appliedPosition()).toEqual(position(5));
  });
});

describe('what the node is', () => {
  it('is open with a server of its own generation only', () => {
    const { view, publish } = node();
    expect(view.server()).toMatchObject({ socketPath: '/run/s.sock', generation: '4' });
    // The numbers came; of the server with that generation nothing is known.
    publish({ generation: 5 });
    expect(view.server()).toBeNull();
    publish({ openness: 'NO_QUORUM' }, { closedReason: 'it waits' });
    expect(view.isOpen()).toEqual({ open: false, code: 'NO_QUORUM', reason: 'it waits' });
  });

  it('has a lag that grows until it is told anew; a level one stays for a moment', () => {
    const { view, publish } = node();
    publish({ lagMs: 100, atMs: sharedClockMs() - 500 });
    expect(view.ready().lagMs).toBeGreaterThanOrEqual(600);
    publish({ lagMs: 0, atMs: sharedClockMs() - 500 });
    expect(view.ready()).toMatchObject({ ok: true, lagMs: 0 });
    publish({ lagMs: null });
    expect(view.ready().lagMs).toBeNull();
  });

  it('is not ready when its replication does not turn', () => {
    const { view, publish } = node();
    publish({ atMs: sharedClockMs() - 3_000 });
    expect(view.ready()).toMatchObject({ ok: false, reason: expect.stringContaining('replication') });
    expect(view.ready().lagMs).toBeGreaterThanOrEqual(3_000);
  });

  it('is asked once for all who ask at the same time', async () => {
    const { view, asked } = node();
    const signal = AbortSignal.abort(new Error('over'));
    for (let i = 0; i < 100; i++) void view.clusterStatus().catch(() => {});
    expect(asked).toEqual(['status']);
    await expect(view.confirmPrimary({ signal })).rejects.toThrow('over');
  });
});
