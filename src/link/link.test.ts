import { afterEach, expect, test } from 'vitest';
import { epochEntry } from '../../test/kit/chain-entry.js';
import {
  at,
  attachInfo,
  startPrimary,
  startProxy,
  startReplica,
  type TestPrimary,
  type TestReplica,
} from '../../test/kit/link.js';
import { throughout, until } from '../../test/kit/until.js';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function primary(...args: Parameters<typeof startPrimary>): Promise<TestPrimary> {
  const started = await startPrimary(...args);
  stops.push(() => started.listener.stop());
  return started;
}

function replica(...args: Parameters<typeof startReplica>): TestReplica {
  const started = startReplica(...args);
  stops.push(() => started.dialer.stop());
  return started;
}

test('a replica attaches, hears heartbeats and the status document, and gets records', async () => {
  const p = await primary({ heartbeatIntervalMs: 20, statusIntervalMs: 50 });
  const r = replica(p.port, { heartbeatIntervalMs: 20 });
  await until('attached', () => p.sessions.length === 1 && r.dialer.up);
  const session = p.sessions[0];
  if (!session) throw new Error('no session');
  expect(session.attach).toEqual(attachInfo('n2'));
  expect(r.welcomes[0]).toMatchObject({ node: 'n1', epoch: 1, committedOrdinal: 5 });
  expect(r.welcomes[0]?.chain).toEqual([epochEntry(1, at(0, 0), [])]);

  const bytes = Buffer.from('records, as far as the link can tell');
  expect(session.sendRecords(bytes, 5)).toBe(true);
  session.sendCommitted(6);
  session.sendCommitted(7);
  await until('records', () => r.records.length === 1);
  expect(r.records[0]).toEqual({ bytes, committedOrdinal: 5 });
  await until('committed', () => r.committed.length > 0);
  expect(r.committed).toEqual([7]);

  const acks: unknown[] = [];
  session.onAck.on((ack) => acks.push(ack));
  r.dialer.ack({ received: 6, durable: 5, applied: 5 });
  r.dialer.ack({ received: 6, durable: 6, applied: 5 });
  await until('ack', () => acks.length > 0);
  expect(acks).toEqual([{ received: 6, durable: 6, applied: 5 }]);

  await until('heartbeats both ways', () => r.heard.length > 3 && p.heard.length > 3);
  await until('status', () => r.statuses.length > 1);
  expect(r.statuses[0]?.cluster).toBe('demo');
  expect(r.states).toEqual(['up']);
  expect(p.refused).toEqual([]);
});

test('a link ends only when the replica has done what its welcome began', async () => {
  const p = await primary();
  const proxy = await startProxy(p.port);
  stops.push(proxy.stop);
  let begun = 0;
  let finish = () => {};
  const r = replica(
    proxy.port,
    { redialFirstMs: 1, redialMaxMs: 1 },
    {
      // Cutting a spool, on a slow disk.
      welcomed: () => {
        begun++;
        return new Promise<void>((resolve) => (finish = resolve));
      },
    },
  );
  await until('welcomed', () => begun === 1);
  proxy.cut();
  await throughout('no other link is made meanwhile', 200, () => begun === 1);
  let stopped = false;
  const stopping = r.dialer.stop().then(() => (stopped = true));
  await throughout('the dialer has not stopped', 50, () => !stopped);
  finish();
  await stopping;
});

test('a replica that has dialled another replica is told where the primary is, and dials there', async () => {
  const p = await primary();
  const there = { host: '127.0.0.1', port: p.port };
  const other = await primary(
    {},
    {
      welcome: () => ({ refuse: 'NOT_PRIMARY', message: 'n3 is a replica; it follows n1.', primary: there }),
    },
  );
  const r = replica(other.port);
  await until('attached to the primary', () => p.sessions.length === 1 && r.dialer.up);
  expect(r.states).toEqual(['NOT_PRIMARY', 'up']);
});

test('a replica leaves an address at which it finds no primary, whatever is said there', async () => {
  const p = await primary();
  // The list says that the primary is where another replica listens now; it says so too.
  const stale: TestPrimary = await primary(
    { node: 'n3' },
    {
      welcome: () => ({
        ...{ refuse: 'NOT_PRIMARY', message: 'n3 is a replica; it follows n1.' },
        primary: { host: '127.0.0.1', port: stale.port },
      }),
    },
  );
  const dialled: number[] = [];
  const r = replica(stale.port, {
    redialFirstMs: 1,
    redialMaxMs: 10,
    address: (failures) => {
      dialled.push(failures);
      return { host: '127.0.0.1', port: failures % 2 === 0 ? stale.port : p.port };
    },
  });
  await until('attached to the primary', () => p.sessions.length === 1 && r.dialer.up);
  expect(dialled).toEqual([0, 1]);
});

test('a replica that dials itself tries another address', async () => {
  const p = await primary();
  const own = await primary({ node: 'n2' });
  const r = replica(own.port, {
    redialFirstMs: 1,
    redialMaxMs: 10,
    address: (failures) => ({ host: '127.0.0.1', port: failures % 2 === 0 ? own.port : p.port }),
  });
  await until('attached to the primary', () => p.sessions.length === 1 && r.dialer.up);
  expect(r.states).toEqual(['DUPLICATE_NODE', 'up']);
});

test('two replicas that send each other to the other one do not hold a third', async () => {
  const p = await primary();
  const ports = { a: 0, b: 0 };
  const sendsTo = (there: 'a' | 'b') => () => ({
    ...{ refuse: 'NOT_PRIMARY', message: 'a replica' },
    primary: { host: '127.0.0.1', port: ports[there] },
  });
  ports.a = (await primary({ node: 'n3' }, { welcome: sendsTo('b') })).port;
  ports.b = (await primary({ node: 'n4' }, { welcome: sendsTo('a') })).port;
  const r = replica(ports.a, {
    redialFirstMs: 1,
    redialMaxMs: 10,
    address: (failures) => ({ host: '127.0.0.1', port: failures % 2 === 0 ? ports.a : p.port }),
  });
  await until('attached to the primary', () => p.sessions.length === 1 && r.dialer.up);
});

test('a list of members is sent and answered on a link that stands', async () => {
  const p = await primary();
  const r = replica(p.port);
  await until('attached', () => p.sessions.length === 1 && r.dialer.up);
  const [session] = p.sessions;
  const adopted: unknown[] = [];
  session?.onAdopted.on((place) => adopted.push(place));
  const entry = { ...epochEntry(1, at(1, 7), []), number: 3 };
  session?.sendList({ entry, settled: false });
  await until('the list', () => r.lists.length > 0);
  expect(r.lists).toEqual([{ entry, settled: false }]);
  r.dialer.adopted({ epoch: 1, number: 3 });
  await until('the answer', () => adopted.length > 0);
  expect(adopted).toEqual([{ epoch: 1, number: 3 }]);
});

test('a replica that was removed dials no more for a while', async () => {
  let refused = 0;
  const p = await primary(
    {},
    { welcome: () => ({ refuse: 'REMOVED', message: `n2 was removed, asked ${++refused} times` }) },
  );
  const r = replica(p.port, { redialFirstMs: 1, redialMaxMs: 10 });
  await until('refused', () => r.states.includes('REMOVED'));
  await throughout('it does not dial again', 300, () => refused === 1);
});

test('a list that changes while a replica attaches is in its next welcome: it misses none', async () => {
  let chain = [epochEntry(1, at(0, 0), [])];
  const p = await primary({}, { welcome: () => ({ epoch: 1, chain, committedOrdinal: 5 }) });
  const r = replica(
    p.port,
    {},
    {
      welcomed: (welcome) => {
        r.welcomes.push(welcome);
        // Before the replica says that it is ready.
        if (chain.length === 1) chain = [...chain, { ...epochEntry(1, at(1, 5), []), number: 1 }];
      },
    },
  );
  await until('attached', () => p.sessions.length === 1 && r.dialer.up);
  expect(r.welcomes.map((welcome) => welcome.chain.length)).toEqual([1, 2]);
  expect(r.states).toEqual(['up', 'CHAIN_CHANGED', 'up']);
});
