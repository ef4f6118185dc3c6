import { afterEach, describe, expect, test } from 'vitest';
import {
  attachInfo,
  rawConnect,
  rawListen,
  startPrimary,
  startProxy,
  startReplica,
  type TestPrimary,
  type TestReplica,
} from '../../test/kit/link.js';
import { until } from '../../test/kit/until.js';
import { encodeCommitted, encodeHello, encodeRecordsHead } from '../wire/frames.js';

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

const OTHER_SECRET = 'a secret of another cluster, long enough';
const hello = encodeHello({ version: 1, nonce: Buffer.alloc(32, 7) });
const header = (size: number, type: number) => {
  const bytes = Buffer.alloc(5);
  bytes.writeUInt32LE(size, 0);
  bytes[4] = type;
  return bytes;
};

describe('handshakes that fail', () => {
  test('wrong secret: named on both sides, and the listener learns no name', async () => {
    const p = await primary();
    const proxy = await startProxy(p.port);
    stops.push(proxy.stop);
    const r = replica(proxy.port, { secret: OTHER_SECRET });
    await until('refused', () => p.refused.length > 0 && r.states.length > 0);
    expect(r.states).toEqual(['WRONG_SECRET']);
    expect(p.refused[0]).toMatchObject({ code: 'WRONG_SECRET', repeated: 0 });
    expect(p.refused[0]?.address).toMatch(/^127\.0\.0\.1:\d+$/);
    // The dialer said its hello (43 bytes with the header) and no more; the listener its challenge and no more.
    expect(Buffer.concat(proxy.upstream[0] ?? []).length).toBe(43);
    expect(Buffer.concat(proxy.downstream[0] ?? []).length).toBe(102);
    expect(p.sessions).toEqual([]);
  });

  test('wrong cluster: named on both sides', async () => {
    const p = await primary();
    const r = replica(p.port, { cluster: 'another' });
    await until('refused', () => p.refused.length > 0 && r.states.length > 0);
    expect([r.states[0], p.refused[0]?.code]).toEqual(['WRONG_CLUSTER', 'WRONG_CLUSTER']);
  });

  test('a recorded dialer is refused when it is played again', async () => {
    const p = await primary();
    const proxy = await startProxy(p.port);
    stops.push(proxy.stop);
    const r = replica(proxy.port);
    await until('attached', () => r.dialer.up);
    const recorded = Buffer.concat(proxy.upstream[0] ?? []);
    await r.dialer.stop();

    const replay = rawConnect(p.port);
    replay.socket.write(recorded);
    await replay.closed;
    expect(p.refused.at(-1)?.code).toBe('WRONG_SECRET');
    expect(replay.received().length).toBe(102);
    expect(p.sessions).toHaveLength(1);
  });

  test('a recorded listener is refused when it is played again', async () => {
    const p = await primary();
    const proxy = await startProxy(p.port);
    stops.push(proxy.stop);
    const first = replica(proxy.port);
    await until('attached', () => first.dialer.up);
    const recorded = Buffer.concat(proxy.downstream[0] ?? []);
    const heard: Buffer[] = [];
    const fake = await rawListen((socket) => {
      socket.on('data', (chunk) => heard.push(chunk));
      socket.write(recorded);
    });
    stops.push(fake.stop);
    const r = replica(fake.port, { redialFirstMs: 60_000, redialMaxMs: 60_000 });
    await until('refused', () => r.states.length > 0);
    expect(r.states).toEqual(['WRONG_SECRET']);
    expect(Buffer.concat(heard).length).toBe(43);
    expect(r.welcomes).toEqual([]);
  });

  test('a listener that sends nothing, and one that never ends its handshake: given up at the deadline', async () => {
    const mute = await rawListen(() => {});
    stops.push(mute.stop);
    const r = replica(mute.port, { stepDeadlineMs: 60 });
    await until('given up', () => r.states.length > 0);
    expect(r.states).toEqual(['HANDSHAKE_TIMEOUT']);
  });

  test('a dialer that goes on a byte at a time: cut off at the deadline of the step', async () => {
    const p = await primary({ stepDeadlineMs: 80 });
    const slow = rawConnect(p.port);
    let at = 0;
    const drip = setInterval(() => slow.socket.write(hello.subarray(at, ++at)), 10);
    await slow.closed;
    clearInterval(drip);
    expect(p.refused.map((event) => event.code)).toEqual(['HANDSHAKE_TIMEOUT']);
    expect(slow.received().length).toBe(0);
  });

  test('another version of the protocol', async () => {
    const p = await primary();
    const old = rawConnect(p.port);
    old.socket.write(encodeHello({ version: 9, nonce: Buffer.alloc(32, 7) }));
    await old.closed;
    expect(p.refused.map((event) => event.code)).toEqual(['UNKNOWN_VERSION']);
    // It got the challenge, which names our version.
    expect(old.received().length).toBe(102);
  });
});

describe('attaching is refused', () => {
  test('not the primary', async () => {
    const p = await primary(
      {},
      { welcome: () => ({ refuse: 'NOT_PRIMARY', message: 'n1 is a replica; ask n3' }) },
    );
    const r = replica(p.port);
    await until('refused', () => r.states.length > 0 && p.refused.length > 0);
    expect([r.states[0], p.refused[0]?.code]).toEqual(['NOT_PRIMARY', 'NOT_PRIMARY']);
  });

  test('H1: the replica knows a newer epoch; neither side goes on', async () => {
    const p = await primary();
    const r = replica(p.port, {}, { attachInfo: () => attachInfo('n2', { epoch: 2 }) });
    await until('refused', () => r.states.length > 0 && p.refused.length > 0);
    expect([r.states[0], p.refused[0]?.code]).toEqual(['OLDER_EPOCH', 'OLDER_EPOCH']);
    // The primary found it itself; the replica would have turned the welcome away too (next test).
    expect(p.refused[0]?.message).toBe('This primary has epoch 1; n2 already knows epoch 2.');
    expect(r.welcomes).toEqual([]);
  });

  test('H1: a replica that learns of a newer epoch while it dials turns an older welcome away itself', async () => {
    const p = await primary();
    let epoch = 0;
    const r = replica(p.port, {}, { attachInfo: () => attachInfo('n2', { epoch: ++epoch }) });
    await until('refused', () => r.states.length > 0);
    expect(r.states[0]).toBe('OLDER_EPOCH');
    expect(r.welcomes).toEqual([]);
    expect(p.sessions).toEqual([]);
  });

  test('C6: a second node with the same name and another disk, and one with the name of the primary', async () => {
    const p = await primary();
    const first = replica(p.port);
    await until('attached', () => first.dialer.up);
    const twin = replica(p.port, {}, { attachInfo: () => attachInfo('n2', { incarnation: 'new disk' }) });
    await until('refused', () => twin.states.length > 0);
    expect(twin.states).toEqual(['DUPLICATE_NODE']);
    expect(first.dialer.up).toBe(true);
    const usurper = replica(p.port, { node: 'n1' });
    await until('refused', () => usurper.states.length > 0);
    expect(usurper.states).toEqual(['DUPLICATE_NODE']);
    // When the first has left, the new disk is let in.
    await first.dialer.stop();
    await until('attached', () => twin.dialer.up);
  });

  test('the same disk that dials again takes the place of its old connection', async () => {
    const p = await primary();
    const first = replica(p.port, { redialFirstMs: 60_000, redialMaxMs: 60_000 });
    await until('attached', () => p.sessions.length === 1);
    const again = replica(p.port);
    await until('attached', () => p.sessions.length === 2);
    expect(again.dialer.up).toBe(true);
    await until('first closed', () => first.states.length === 2);
    expect(p.closed).toEqual(['it has connected again']);
  });

  test('a spool that cannot be cut ends the link with the reason', async () => {
    const p = await primary();
    const r = replica(p.port, {}, { welcomed: () => Promise.reject(new Error('disk is full')) });
    await until('refused', () => r.states.length > 0 && p.refused.length > 0);
    expect(r.states[0]).toBe('LINK_INTERNAL');
    expect(p.refused[0]?.message).toContain('disk is full');
    expect(p.sessions).toEqual([]);
  });
});

describe('strangers at the port', () => {
  test.each([
    ['HTTP', 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n', 'FRAME_TOO_LARGE', 'an HTTP request'],
    ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 'FRAME_TOO_LARGE', 'a TLS handshake'],
    [
      'TLS, a short hello',
      '\x16\x03\x01\x00\xf4\x01\x00\x00\xf0\x03\x03',
      'FRAME_UNKNOWN',
      'a TLS handshake',
    ],
    ['SSH', 'SSH-2.0-OpenSSH_9.2\r\n', 'FRAME_TOO_LARGE', 'an SSH client'],
    ['a frame of 4 GB', header(0xffff_ffff, 32).toString('latin1'), 'FRAME_TOO_LARGE', ''],
    ['an unknown type', header(3, 99).toString('latin1'), 'FRAME_UNKNOWN', ''],
    ['records before the handshake', encodeRecordsHead(0, 1000).toString('latin1'), 'FRAME_UNEXPECTED', ''],
    [
      'a hello without the magic',
      `${header(38, 1).toString('latin1')}${'x'.repeat(38)}`,
      'FRAME_INVALID',
      '',
    ],
  ])('%s: cut off, reported, nothing answered, and the port goes on', async (_what, text, code, look) => {
    const p = await primary();
    const stranger = rawConnect(p.port);
    stranger.socket.write(text, 'latin1');
    await stranger.closed;
    expect(stranger.received().length).toBe(0);
    expect(p.refused).toHaveLength(1);
    expect(p.refused[0]?.code).toBe(code);
    expect(p.refused[0]?.message).toContain(look);
    const r = replica(p.port);
    await until('attached', () => r.dialer.up);
  });

  test('one that leaves in the middle of a frame', async () => {
    const p = await primary();
    const stranger = rawConnect(p.port);
    stranger.socket.end(hello.subarray(0, 20));
    await until('refused', () => p.refused.length > 0);
    expect(p.refused[0]?.code).toBe('FRAME_TRUNCATED');
  });

  test('a port check that says nothing is not worth a line', async () => {
    const p = await primary();
    for (let i = 0; i < 3; i++) {
      const check = rawConnect(p.port);
      await until('connected', () => !check.socket.connecting);
      check.socket.end();
      await check.closed;
    }
    expect(p.refused).toEqual([]);
  });

  test('a hundred that say nothing: their number is bounded, and a true node still gets in', async () => {
    const p = await primary({ unauthenticatedMax: 8 });
    const strangers = Array.from({ length: 100 }, () => rawConnect(p.port));
    const r = replica(p.port);
    await until('attached', () => r.dialer.up);
    const open = () => strangers.filter(({ socket }) => !socket.destroyed).length;
    await until('bounded', () => open() <= 8);
    // Said once, not a hundred times.
    expect(p.refused.map((event) => event.code)).toEqual(['TOO_MANY_STRANGERS']);
    for (const { socket } of strangers) socket.destroy();
  });

  test('strangers do not push out a replica that is cutting its spool', async () => {
    const p = await primary({ unauthenticatedMax: 2 });
    let cut: () => void = () => {};
    const cutting = new Promise<void>((resolve) => {
      cut = resolve;
    });
    let welcomed = false;
    const r = replica(
      p.port,
      {},
      {
        welcomed: () => {
          welcomed = true;
          return cutting;
        },
      },
    );
    await until('welcomed', () => welcomed);
    const strangers = Array.from({ length: 10 }, () => rawConnect(p.port));
    await until('bounded', () => strangers.filter(({ socket }) => !socket.destroyed).length <= 2);
    cut();
    await until('attached', () => p.sessions.length === 1);
    expect(r.states).toEqual(['up']);
    for (const { socket } of strangers) socket.destroy();
  });

  test('the same from the same host is said once, with a count the next time', async () => {
    const p = await primary();
    for (let i = 0; i < 5; i++) {
      const stranger = rawConnect(p.port);
      stranger.socket.write('GET / HTTP/1.1\r\n\r\n');
      await stranger.closed;
    }
    expect(p.refused).toHaveLength(1);
  });
});

describe('a proven peer that goes wrong is cut off and told why', () => {
  test('an unknown type, a frame of the wrong direction, a false ack from a replica', async () => {
    for (const [bytes, code] of [
      [header(3, 99), 'FRAME_UNKNOWN'],
      [encodeCommitted(1), 'FRAME_UNEXPECTED'],
      [header(0xffff_ffff, 34), 'FRAME_TOO_LARGE'],
    ] as const) {
      const p = await primary();
      const proxy = await startProxy(p.port);
      stops.push(proxy.stop);
      const r = replica(proxy.port, { redialFirstMs: 60_000, redialMaxMs: 60_000 });
      await until('attached', () => p.sessions.length === 1);
      proxy.inject(bytes);
      await until('cut off', () => r.states.length === 2);
      expect(r.states).toEqual(['up', code]);
      expect(p.closed).toHaveLength(1);
    }
  });
});
