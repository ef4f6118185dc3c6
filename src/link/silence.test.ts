import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { at, attachInfo, rawListen, SECRET, startReplica } from '../../test/kit/link.js';
import {
  attached,
  BEATS,
  beat,
  INTERVALS_MAX,
  isWaiting,
  linkEnds,
  redial,
} from '../../test/kit/link-ends.js';
import { until } from '../../test/kit/until.js';
import { VirtualClock } from '../../test/kit/virtual-clock.js';
import { NONCE_SIZE } from '../wire/frames.js';
import { FrameSplitter } from '../wire/splitter.js';
import { handshakeStep, linkIdentity, listenerStart } from './handshake.js';

const { primary, replica, proxyTo, stops, stop } = linkEnds();
afterEach(stop);

describe('who falls silent', () => {
  test('a listener that stops answering is noticed by the replica, which dials again', async () => {
    const clocks = { listener: new VirtualClock(), dialer: new VirtualClock() };
    const pass = (ms: number) => Object.values(clocks).forEach((clock) => void clock.pass(ms));
    const p = await primary(BEATS, { clock: clocks.listener });
    const proxy = await proxyTo(p.port);
    const r = replica(proxy.port, BEATS, { clock: clocks.dialer });
    await attached(p);
    await until('up', () => r.dialer.up);
    proxy.state.deaf = true;
    pass(BEATS.goneAfterMs - 1);
    expect([r.states, p.closed]).toEqual([['up'], []]);
    pass(BEATS.heartbeatIntervalMs);
    await until('the replica tells it', () => r.states.length === 2, { intervalMs: 1 });
    expect(r.states).toEqual(['up', 'LINK_SILENT']);
    expect(p.closed).toEqual(['No data from n2 for 1.0 s.']);
    proxy.state.deaf = false;
    await redial(clocks.dialer);
    await until('back', () => r.dialer.up);
    expect(r.states.at(-1)).toBe('up');
  });

  test('a listener that proves itself but never welcomes is given up at the deadline', async () => {
    const identity = linkIdentity('demo', SECRET);
    let attaches = 0;
    const half = await rawListen((socket) => {
      let state = listenerStart(randomBytes(NONCE_SIZE)).state;
      const splitter = new FrameSplitter(['hello', 'proof', 'attach', 'refuse'], (name, payload) => {
        if (name === 'attach') attaches++;
        if (name === 'attach' || name === 'refuse') return;
        const step = handshakeStep(identity, state, name, payload);
        state = step.state;
        if (step.send !== null) socket.write(step.send);
      });
      socket.on('data', (chunk) => splitter.push(chunk));
    });
    stops.push(half.stop);
    const clock = new VirtualClock();
    const r = replica(half.port, { stepDeadlineMs: 600 }, { clock });
    await until('it has attached', () => attaches === 1);
    clock.pass(599);
    expect(r.states).toEqual([]);
    clock.pass(1);
    await until('given up', () => r.states.length > 0);
    expect(r.states).toEqual(['HANDSHAKE_TIMEOUT']);
  });

  test('heartbeats keep an idle link alive', async () => {
    const clock = new VirtualClock();
    const p = await primary(BEATS, { clock });
    const r = replica(p.port, BEATS, { clock });
    await attached(p);
    await until('up', () => r.dialer.up);
    for (let i = 0; i < 2 * INTERVALS_MAX; i++) await beat(clock, () => [p.heard.length, r.heard.length]);
    expect([r.states, p.closed]).toEqual([['up'], []]);
  });
});

describe('redial', () => {
  test('after the listener has restarted; the dialer asks for the spool’s end again', async () => {
    const clock = new VirtualClock();
    const p = await primary({}, { clock: new VirtualClock() });
    let ordinal = 5;
    const r = replica(
      p.port,
      {},
      { clock, attachInfo: () => attachInfo('n2', { spoolEnd: at(1, ordinal) }) },
    );
    await attached(p);
    await p.listener.stop();
    await until('down', () => r.states.includes('LINK_ENDED'));
    for (let dials = 0; dials < 10; dials++) await redial(clock);
    await until('all have failed', () => isWaiting(clock), { intervalMs: 1 });
    ordinal = 9;
    const again = await primary({ port: p.port }, { clock: new VirtualClock() });
    await redial(clock);
    const session = await attached(again);
    await until('up', () => r.dialer.up);
    expect(session.attach.spoolEnd).toEqual(at(1, 9));
    // Each change of the reason is told once, however many dials failed in between.
    expect(r.states).toEqual(['up', 'LINK_ENDED', 'LINK_UNREACHABLE', 'up']);
  });

  test('a cut link is up again within moments, and nothing is sent to the old session', async () => {
    const p = await primary();
    const proxy = await proxyTo(p.port);
    const r = replica(proxy.port, { redialFirstMs: 10 });
    const first = await attached(p);
    proxy.cut();
    const second = await attached(p, 2);
    expect(first.sendRecords(Buffer.from('lost'), 1)).toBe(false);
    first.sendCommitted(99);
    expect(first.blocked).toBe(true);
    second.sendRecords(Buffer.from('kept'), 1);
    await until('records', () => r.records.length > 0);
    expect(r.records.map(({ bytes }) => bytes.toString())).toEqual(['kept']);
    expect(r.committed).toEqual([]);
  });

  test('stop ends everything, also in the middle of a dial or a wait', async () => {
    let accepted = false;
    const silent = await rawListen(() => {
      accepted = true;
    });
    stops.push(silent.stop);
    const dialing = startReplica(silent.port);
    await until('the dial has begun', () => accepted);
    await dialing.dialer.stop();
    const waiting = startReplica(1, { redialFirstMs: 60_000, redialMaxMs: 60_000 });
    await until('first dial failed', () => waiting.states.length > 0);
    await waiting.dialer.stop();
    expect(waiting.states).toEqual(['LINK_UNREACHABLE']);
  });
});
