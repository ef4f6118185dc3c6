import { afterEach, describe, expect, test } from 'vitest';
import { at, attachInfo, clusterStatus, heartbeatBody, startPrimary } from '../../test/kit/link.js';
import { attached, BEATS, beat, INTERVALS_MAX, linkEnds } from '../../test/kit/link-ends.js';
import { throughout, until } from '../../test/kit/until.js';
import { VirtualClock } from '../../test/kit/virtual-clock.js';
import { SkeinError } from '../model/error.js';
import type { DefinitionsReply } from '../wire/messages.js';
import type { ReplicaSession } from './listener-session.js';

const { primary, replica, proxyTo, stop } = linkEnds();
afterEach(stop);

describe('how things are defined', () => {
  const ask = { id: 3, gtid: '0-1000001-5', objects: ['table `d`.`t`'] };

  test('a question gets its answer; one that is too large says so, and the link lives', async () => {
    const p = await primary();
    let size = 1;
    replica(
      p.port,
      {},
      {
        definitions: async ({ id, gtid, objects }) => ({
          id,
          definitions: { [objects?.[0] ?? gtid]: 'x'.repeat(size) },
          failed: null,
        }),
      },
    );
    const session = await attached(p);
    const answers: DefinitionsReply[] = [];
    session.onDefinitions.on((answer) => answers.push(answer));
    session.askDefinitions(ask);
    await until('answered', () => answers.length === 1);
    expect(answers[0]).toEqual({ id: 3, definitions: { 'table `d`.`t`': 'x' }, failed: null });
    size = 17 * 2 ** 20;
    session.askDefinitions({ ...ask, id: 4 });
    await until('answered again', () => answers.length === 2);
    expect(answers[1]).toMatchObject({ id: 4, definitions: {}, failed: expect.stringMatching(/limit/) });
    expect(p.closed).toEqual([]);
  });
});

describe('who still follows', () => {
  test('a replica answers a probe at once, with the newest epoch that it knows', async () => {
    const p = await primary();
    replica(p.port);
    const session = await attached(p);
    const echoes: number[] = [];
    session.onEcho.on((round) => echoes.push(round));
    session.sendProbe(7);
    session.sendProbe(8);
    await until('both answered', () => echoes.length === 2);
    expect(echoes).toEqual([7, 8]);
  });

  test('one that has learnt of a newer epoch does not count: its answer ends the link', async () => {
    const p = await primary();
    let epoch = 1;
    replica(p.port, {}, { attachInfo: () => attachInfo('n2', { epoch }) });
    const session = await attached(p);
    const echoes: number[] = [];
    session.onEcho.on((round) => echoes.push(round));
    epoch = 2;
    session.sendProbe(1);
    await until('closed', () => p.closed.length > 0);
    expect(p.closed[0]).toMatch(/epoch 2/);
    expect(echoes).toEqual([]);
  });
});

describe('the chain before the records', () => {
  test('C7: nothing flows before the spool is cut, and then from where it was cut', async () => {
    let end = at(1, 5);
    let cut: () => void = () => {};
    let cutting = false;
    const p = await primary(
      {},
      {
        welcome: () => ({ epoch: 2, chain: [], committedOrdinal: 3 }),
        heartbeat: () => heartbeatBody('n1', 'primary', 2),
      },
    );
    const r = replica(
      p.port,
      {},
      {
        attachInfo: () => attachInfo('n2', { spoolEnd: end, epoch: end.ordinal === 5 ? 1 : 2 }),
        heartbeat: () => heartbeatBody('n2', 'replica', 2),
        welcomed: (welcome) =>
          new Promise((resolve) => {
            cutting = true;
            cut = () => {
              end = at(1, welcome.committedOrdinal);
              resolve();
            };
          }),
      },
    );
    await until('the spool is being cut', () => cutting);
    await throughout('nothing flows', 100, () => p.sessions.length === 0 && !r.dialer.up);
    r.dialer.ack({ received: 5, durable: 5, applied: 5 });
    cut();
    const session = await attached(p);
    expect(session.attach.spoolEnd).toEqual(at(1, 3));
    // The acknowledgement of before the cut is not true any more.
    await throughout('it is not sent', 100, () => p.acks.length === 0);
    r.dialer.ack({ received: 4, durable: 4, applied: 3 });
    await until('a later one is', () => p.acks.length > 0);
    expect(p.acks[0]?.durable).toBe(4);
  });

  test('an epoch that began while the replica cut its spool: it has to begin again', async () => {
    let epoch = 1;
    const p = await primary({}, { welcome: () => ({ epoch, chain: [], committedOrdinal: 0 }) });
    const r = replica(p.port, { redialFirstMs: 10 }, { welcomed: () => void epoch++ });
    await until('refused', () => p.refused.length > 0);
    expect(p.refused[0]?.code).toBe('EPOCH_CHANGED');
    await until('told', () => r.states.includes('EPOCH_CHANGED'));
    expect(p.sessions).toEqual([]);
  });

  test('a session belongs to one epoch: another one in a heartbeat ends it', async () => {
    let epoch = 1;
    const clock = new VirtualClock();
    const p = await primary(BEATS, { clock, heartbeat: () => heartbeatBody('n1', 'primary', epoch) });
    const r = replica(p.port, BEATS, { clock });
    await attached(p);
    await until('up', () => r.dialer.up);
    epoch = 2;
    clock.pass(BEATS.heartbeatIntervalMs);
    await until('ended', () => r.states.length === 2);
    expect(r.states).toEqual(['up', 'EPOCH_CHANGED']);
  });

  test('H1: a replica that has promised a newer epoch is let go', async () => {
    let epoch = 1;
    const clock = new VirtualClock();
    const p = await primary(BEATS, { clock });
    const r = replica(p.port, BEATS, { clock, heartbeat: () => heartbeatBody('n2', 'replica', epoch) });
    await attached(p);
    await until('up', () => r.dialer.up);
    epoch = 2;
    clock.pass(BEATS.heartbeatIntervalMs);
    await until('ended', () => r.states.length === 2);
    expect(r.states).toEqual(['up', 'OLDER_EPOCH']);
    expect(p.heard.every((heartbeat) => heartbeat.epoch === 1)).toBe(true);
  });
});

describe('back-pressure', () => {
  test('a replica that does not read costs bounded memory; afterwards everything arrives, in order', async () => {
    const clock = new VirtualClock();
    const limits = { ...BEATS, statusIntervalMs: BEATS.heartbeatIntervalMs, sendBufferBytes: 256 * 1024 };
    const p = await primary(limits, { clock });
    let open = false;
    let received = 0;
    let firstOfFrames: number[] = [];
    const r = replica(p.port, BEATS, {
      clock,
      records: (bytes) => {
        received += bytes.length;
        firstOfFrames.push(bytes.readUInt32LE(0));
        return open;
      },
    });
    const session = await attached(p);
    const batch = Buffer.alloc(64 * 1024);
    let sent = 0;
    const pump = () => {
      for (let room = true; room && sent < 400; sent++) {
        const bytes = Buffer.from(batch);
        bytes.writeUInt32LE(sent, 0);
        room = session.sendRecords(bytes, sent);
      }
    };
    session.onDrain.on(pump);
    pump();
    let sentBefore = -1;
    await until(
      'the kernel takes no more',
      () => {
        const stands = session.blocked && sent === sentBefore;
        sentBefore = sent;
        return stands;
      },
      { intervalMs: 100 },
    );
    const sentWhenBlocked = sent;
    const bufferedWhenBlocked = session.bufferedBytes;
    // The replica knows that it does not listen itself.
    let committed = 1000;
    for (let i = 0; i < 2 * INTERVALS_MAX; i++) {
      session.sendCommitted(++committed);
      p.listener.announceStatus();
      // Only the primary hears: the replica does not read.
      await beat(clock, () => [p.heard.length]);
      expect([session.blocked, p.closed]).toEqual([true, []]);
    }
    expect(sent).toBe(sentWhenBlocked);
    expect(session.bufferedBytes).toBeLessThan(256 * 1024 + batch.length + 4096);
    // Neither heartbeats nor status documents pile up behind what is not read.
    expect(session.bufferedBytes).toBe(bufferedWhenBlocked);
    expect(r.states).toEqual(['up']);

    open = true;
    r.dialer.resume();
    await until('all', () => received === 400 * batch.length);
    expect(firstOfFrames).toEqual(Array.from({ length: 400 }, (_, i) => i));
    firstOfFrames = [];
    // Of what was said meanwhile only the newest counts.
    await until('committed', () => r.committed.length > 0);
    expect(r.committed).toEqual([committed]);
    expect(p.closed).toEqual([]);
  });

  test('a caller that never looks at the answer is stopped before the memory is full', async () => {
    const p = await primary();
    replica(p.port, { redialFirstMs: 60_000, redialMaxMs: 60_000 }, { records: () => false });
    const session = await attached(p);
    const batch = Buffer.alloc(1024 * 1024);
    for (let i = 0; i < 200; i++) session.sendRecords(batch, 0);
    expect(session.bufferedBytes).toBeLessThan(70 * 1024 * 1024);
    expect(p.closed[0]).toContain('wait for n2');
  });

  test('of all acknowledgements of one turn only the newest leaves', async () => {
    const p = await primary();
    const r = replica(p.port);
    await attached(p);
    for (let i = 1; i <= 10_000; i++) r.dialer.ack({ received: i, durable: i, applied: 0 });
    await until('acknowledged', () => p.acks.length > 0);
    expect(p.acks.map(({ durable }) => durable)).toEqual([10_000]);
  });
});

describe('rooms that throw', () => {
  test('records: the link ends with the code, and the process goes on', async () => {
    const p = await primary();
    let throwing = true;
    const r = replica(
      p.port,
      { redialFirstMs: 10 },
      {
        records: () => {
          if (throwing) throw new SkeinError('SPOOL_GAP', 'ordinal 7 follows 5');
          return true;
        },
      },
    );
    const session = await attached(p);
    session.sendRecords(Buffer.from('x'), 1);
    await until('down', () => r.states.includes('SPOOL_GAP'));
    // The primary is told, so that its log has the reason too.
    await until('told', () => p.closed.length === 1);
    expect(p.closed[0]).toContain('ordinal 7 follows 5');
    throwing = false;
    await attached(p, 2);
  });

  test.each(['heartbeat', 'status'])('%s of the primary', async (which) => {
    let broken = '';
    const unless = <T>(name: string, value: T): T => {
      if (broken === name) throw new Error('not ready');
      return value;
    };
    const clock = new VirtualClock();
    const p = await primary(
      { ...BEATS, statusIntervalMs: BEATS.heartbeatIntervalMs },
      {
        clock,
        heartbeat: () => unless('heartbeat', heartbeatBody('n1', 'primary')),
        status: () => unless('status', clusterStatus()),
      },
    );
    const r = replica(p.port, BEATS, { clock });
    await attached(p);
    await until('up', () => r.dialer.up);
    broken = which;
    clock.pass(BEATS.heartbeatIntervalMs);
    await until('ended', () => r.states.length === 2);
    expect(r.states).toEqual(['up', 'LINK_INTERNAL']);
  });

  test('listeners of the session’s end', async () => {
    const p = await primary();
    const proxy = await proxyTo(p.port);
    const r = replica(proxy.port);
    const session = await attached(p);
    session.onClosed.on(() => {
      throw new Error('a listener is broken');
    });
    const reason = until('detached', () => !p.listener.sessions.includes(session));
    // Not through a refuse frame, whose handling is guarded anyway.
    proxy.cut();
    await reason;
    await until('back', () => r.dialer.up);
  });
});

test('the port is taken: a named error', async () => {
  const p = await primary();
  await expect(startPrimary({ port: p.port })).rejects.toMatchObject({ code: 'LINK_PORT_TAKEN' });
});

test('of thousands of small frames none is lost', async () => {
  const p = await primary();
  const r = replica(p.port);
  const session = await attached(p);
  const bytes = Buffer.alloc(500);
  const count = 20_000;
  for (let i = 0; i < count; i++) {
    if (!session.sendRecords(bytes, i)) await new Promise<void>((resolve) => once(session, resolve));
    if (i % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await until('all', () => r.records.length === count);
  expect(r.records.at(-1)?.committedOrdinal).toBe(count - 1);
});

function once(session: ReplicaSession, listener: () => void): void {
  const off = session.onDrain.on(() => {
    off();
    listener();
  });
}
