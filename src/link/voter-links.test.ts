import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { hasOpenssl, TestAuthority } from '../../test/kit/certificates.js';
import { rawListen } from '../../test/kit/link.js';
import { TcpProxy } from '../../test/kit/tcp-proxy.js';
import { throughout, until } from '../../test/kit/until.js';
import { VirtualClock } from '../../test/kit/virtual-clock.js';
import { beat, isIdle, numbersOf, place, voterEnds } from '../../test/kit/voters.js';
import { Emitter } from '../std/emitter.js';
import type { TlsSource } from '../std/tls-source.js';
import { decodeProbe, encodeProbe } from '../wire/frames.js';

const { listener, links, proxyTo, provenListener, stops, stop } = voterEnds();
afterEach(stop);

const SOON = { intervalMs: 1 };
/** More than any wait between two dials. */
const REDIAL_MAX_MS = 500;

/** Time passes in these steps until it holds. */
const passing = (what: string, clock: VirtualClock, ms: number, holds: () => boolean) =>
  until(
    what,
    () => {
      clock.pass(ms);
      return holds();
    },
    SOON,
  );

describe('messages', () => {
  test('arrive in order, both ways, under the name of the node that sent them', async () => {
    const [a, b] = [await listener('n1'), await listener('n2')];
    const ofA = links('n1', () => [place('n2', b.port)]);
    const ofB = links('n2', () => [place('n1', a.port)]);
    await until('both are up', () => ofA.links.up('n2') && ofB.links.up('n1'), SOON);
    const numbers = Array.from({ length: 100 }, (_, i) => i);
    for (const number of numbers) {
      ofA.links.send('n2', beat(number));
      ofB.links.send('n1', beat(1000 + number));
    }
    await until('all arrived', () => a.election.length >= 100 && b.election.length >= 100, SOON);
    expect(numbersOf(b.election)).toEqual(numbers);
    expect(numbersOf(a.election)).toEqual(numbers.map((number) => 1000 + number));
    expect(new Set(b.election.map(({ from }) => from))).toEqual(new Set(['n1']));
    expect([ofA.losses, ofB.losses, a.refused, b.refused]).toEqual([[], [], [], []]);
  });

  test('are dropped while there is no link, and for a node that is no member', async () => {
    const { links: lone } = links('n1', () => [place('n2', 1)]);
    expect([lone.send('n2', beat(1)), lone.send('n9', beat(1)), lone.up('n2'), lone.up('n9')]).toEqual([
      false,
      false,
      false,
      false,
    ]);
  });

  test('reach a node whose listed address is wrong on the connection that it dialled', async () => {
    const [a, b] = [await listener('n1'), await listener('n2')];
    let port = 1;
    const clock = new VirtualClock();
    const sendOnAccepted = a.listener.sendElection.bind(a.listener);
    const primary = links('n1', () => [place('n2', port), place('n3', 1)], {}, { clock, sendOnAccepted });
    const moved = links('n2', () => [place('n1', a.port)]);
    await until('it is not reached', () => primary.codes.includes('LINK_UNREACHABLE'), SOON);
    await until('it has dialled', () => moved.links.up('n1'), SOON);
    expect([primary.links.up('n2'), primary.links.send('n2', beat(1))]).toEqual([false, true]);
    expect([primary.links.send('n3', beat(1)), primary.links.send('n9', beat(1))]).toEqual([false, false]);
    await until('heard', () => moved.answers.length === 1, SOON);
    expect(moved.answers).toEqual([{ from: 'n1', message: beat(1) }]);
    port = b.port;
    primary.links.peersChanged();
    await passing('reached', clock, 10, () => primary.links.up('n2'));
    primary.links.send('n2', beat(2));
    await until('heard', () => b.election.length === 1, SOON);
    expect([numbersOf(moved.answers), numbersOf(b.election)]).toEqual([[1], [2]]);
    await moved.links.stop();
    await until('the connection is gone', () => !a.listener.sendElection('n2', beat(3)), SOON);
  });

  test('answer a node that no list of this node has yet', async () => {
    const a = await listener('n1');
    const sendOnAccepted = a.listener.sendElection.bind(a.listener);
    const voter = links('n1', () => [], {}, { sendOnAccepted });
    const candidate = links('n4', () => [place('n1', a.port)]);
    await until('it has dialled', () => candidate.links.up('n1'), SOON);
    expect(voter.links.send('n4', beat(1))).toBe(true);
    await until('heard', () => candidate.answers.length === 1, SOON);
  });

  test('do not fill the memory when the peer does not read', async () => {
    let taken: 'reads' | 'deaf' = 'reads';
    const deaf = await provenListener((name, payload, socket) => {
      if (name !== 'probe') return;
      socket.write(encodeProbe(decodeProbe(payload)));
      socket.pause();
      taken = 'deaf';
    });
    const { links: sender } = links('n1', () => [place('n2', deaf.port)], {}, { clock: new VirtualClock() });
    await until('up', () => sender.up('n2') && taken === 'deaf', SOON);
    let sent = 0;
    // The kernel's buffers on both sides take some megabytes first.
    await until(
      'the next one is dropped',
      () => {
        for (let i = 0; i < 2_000; i++)
          if (!sender.send('n2', beat(sent))) return true;
          else sent++;
        return sent > 1_000_000;
      },
      SOON,
    );
    expect(sent).toBeLessThan(1_000_000);
    expect(sender.up('n2')).toBe(true);
  });

  test.skipIf(!hasOpenssl)('go through TLS; a node without it is not heard', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'skein-voters-'));
    stops.push(async () => rmSync(directory, { recursive: true }));
    const authority = new TestAuthority(directory, 'authority');
    const { certificate, key } = authority.sign('node');
    const [cert, keyText, ca] = [certificate, key, authority.ca].map((path) => readFileSync(path, 'utf8'));
    const tls = { current: { cert, key: keyText, ca }, onChange: new Emitter<void>() } as TlsSource;
    const b = await listener('n2', { tls });
    const withTls = links('n1', () => [place('n2', b.port)], { tls });
    await until('up', () => withTls.links.up('n2'), SOON);
    withTls.links.send('n2', beat(7));
    await until('heard', () => b.election.length === 1, SOON);
    const plain = links('n3', () => [place('n2', b.port)]);
    await until('refused', () => b.refused.length > 0 && plain.codes.length > 0, SOON);
    expect(plain.links.up('n2')).toBe(false);
    expect(b.refused[0]?.code).toBe('LINK_TLS_REFUSED');
  });
});

describe('a link that ends', () => {
  test('the peer died: told as refused at once, without any waiting', async () => {
    const b = await listener('n2');
    const process = await proxyTo(b.port);
    // Time does not pass on this clock, so nothing that waits can tell it.
    const clock = new VirtualClock();
    const a = links('n1', () => [place('n2', process.port)], {}, { clock });
    await until('up', () => a.links.up('n2'), SOON);
    await process.stop();
    await until('told', () => a.losses.length > 0, SOON);
    expect(a.losses).toEqual([{ peer: 'n2', isRefused: true }]);
    expect(a.links.up('n2')).toBe(false);
    clock.pass(60_000);
    expect(a.losses).toHaveLength(1);
  });

  test('the peer stopped in order: its port is closed too', async () => {
    const b = await listener('n2');
    const a = links('n1', () => [place('n2', b.port)], {}, { clock: new VirtualClock() });
    await until('up', () => a.links.up('n2'), SOON);
    await b.listener.stop();
    await until('told', () => a.losses.length > 0, SOON);
    expect(a.losses).toEqual([{ peer: 'n2', isRefused: true }]);
    expect(a.codes.slice(0, 2)).toEqual(['UP', 'LINK_ENDED']);
  });

  test('a dying process cuts one more connection before its port is closed: the next dial tells', async () => {
    const b = await listener('n2');
    const process = await TcpProxy.start({ target: { port: b.port } });
    let isGone = false;
    stops.push(async () => {
      if (!isGone) await process.close();
    });
    const clock = new VirtualClock();
    const { port } = process;
    const a = links('n1', () => [place('n2', port)], {}, { clock });
    await until('up', () => a.links.up('n2'), SOON);
    // Takes connections and resets them.
    process.refuse();
    await until('cut again', () => process.accepted === 2 && clock.isDueWithin(10), SOON);
    expect(a.losses).toEqual([]);
    // From now on nobody listens there.
    isGone = true;
    await process.close();
    clock.pass(10);
    await until('told', () => a.losses.length > 0, SOON);
    expect(a.losses).toEqual([{ peer: 'n2', isRefused: true }]);
  });

  test('the peer still listens: told as not refused, once, and the link is up again', async () => {
    const b = await listener('n2');
    const network = await proxyTo(b.port);
    const a = links('n1', () => [place('n2', network.port)]);
    await until('up', () => a.links.up('n2'), SOON);
    network.cut();
    await until('up again', () => a.losses.length > 0 && a.links.up('n2'), SOON);
    a.links.send('n2', beat(1));
    await until('heard', () => b.election.length > 0, SOON);
    expect(a.losses).toEqual([{ peer: 'n2', isRefused: false }]);
  });

  test('the peer does not answer the next dial: told as not refused after 100 ms', async () => {
    const b = await listener('n2');
    const network = await proxyTo(b.port);
    const clock = new VirtualClock();
    const a = links('n1', () => [place('n2', network.port)], {}, { clock });
    await until('up', () => a.links.up('n2'), SOON);
    network.state.deaf = true;
    network.cut();
    await until('the loss is seen', () => !a.links.up('n2') && clock.isDueWithin(100), SOON);
    clock.pass(99);
    expect(a.losses).toEqual([]);
    clock.pass(1);
    expect(a.losses).toEqual([{ peer: 'n2', isRefused: false }]);
  });

  test('another address is refused: that says nothing about the process that was lost', async () => {
    const b = await listener('n2');
    const network = await proxyTo(b.port);
    const clock = new VirtualClock();
    let port = network.port;
    const a = links('n1', () => [place('n2', port)], {}, { clock });
    await until('up', () => a.links.up('n2'), SOON);
    port = 1;
    network.cut();
    await until('the dial was refused', () => a.codes.includes('LINK_UNREACHABLE'), SOON);
    expect(a.losses).toEqual([]);
    clock.pass(100);
    expect(a.losses).toEqual([{ peer: 'n2', isRefused: false }]);
  });

  test('a peer that ends each link as soon as it is open is not dialled in a tight loop', async () => {
    let opened = 0;
    const b = await provenListener((name, payload, socket) => {
      if (name === 'voter') opened++;
      if (name === 'probe' && !socket.writableEnded) socket.end(encodeProbe(decodeProbe(payload)));
    });
    const clock = new VirtualClock();
    const a = links('n1', () => [place('n2', b.port)], {}, { clock });
    // Once again at once, and then only when time passes.
    await until('two links', () => opened === 2 && clock.isDueWithin(REDIAL_MAX_MS), SOON);
    await until('both losses are seen', () => a.losses.length === 1 && !a.links.up('n2'), SOON);
    await throughout('no third dial', 100, () => opened === 2);
    clock.pass(REDIAL_MAX_MS);
    await until('the third link', () => opened === 3, SOON);
  });
});

describe('a peer that does not answer', () => {
  test('is dialled again until it does; no loss is told', async () => {
    const b = await listener('n2');
    const network = await proxyTo(b.port);
    network.state.deaf = true;
    const clock = new VirtualClock();
    const a = links('n1', () => [place('n2', network.port)], {}, { clock });
    await until('it hears nothing', () => network.upstream.length === 1 && clock.isDueWithin(2000), SOON);
    await passing('given up', clock, 500, () => a.codes.includes('HANDSHAKE_TIMEOUT'));
    network.state.deaf = false;
    await passing('up', clock, 10, () => a.links.up('n2'));
    expect(a.losses).toEqual([]);
  });

  test('and one that nothing listens for is dialled until it is there', async () => {
    const gone = await rawListen(() => {});
    await gone.stop();
    const a = links('n1', () => [place('n2', gone.port)], { redialFirstMs: 5, redialMaxMs: 5 });
    await until('refused', () => a.codes.includes('LINK_UNREACHABLE'), SOON);
    expect(a.reasons[0]).toMatch(/^The link port 127\.0\.0\.1:\d+ of n2 cannot be reached: .*ECONNREFUSED/);
    await listener('n2', { port: gone.port });
    await until('up', () => a.links.up('n2'), SOON);
    expect(a.losses).toEqual([]);
  });

  test.each(['up', 'down'] as const)(
    'any more (half-open, %s): hung up after 2 s, and dialled again',
    async (way) => {
      const b = await listener('n2');
      const network = await TcpProxy.start({ target: { port: b.port } });
      stops.push(() => network.close());
      const clock = new VirtualClock();
      const a = links('n1', () => [place('n2', network.port)], {}, { clock });
      await until('up', () => a.links.up('n2'), SOON);
      // The connection stays open for both ends, as with a machine without power.
      network.cutOneWay(way);
      clock.pass(1_999);
      expect([a.losses, a.links.up('n2')]).toEqual([[], true]);
      clock.pass(501);
      await until('hung up', () => !a.links.up('n2'), SOON);
      expect(a.losses).toEqual([{ peer: 'n2', isRefused: false }]);
      expect(a.reasons.at(-1)).toMatch(/^No answer from n2 for 2\.\d s\.$/);
      network.heal();
      await passing('up again', clock, 10, () => a.links.up('n2'));
      a.links.send('n2', beat(5));
      await until('heard', () => numbersOf(b.election).includes(5), SOON);
      expect(a.losses).toHaveLength(1);
    },
  );

  test('probes keep an idle link', async () => {
    const b = await listener('n2');
    const clock = new VirtualClock();
    const a = links('n1', () => [place('n2', b.port)], {}, { clock });
    await until('up', () => a.links.up('n2'), SOON);
    const network = await proxyTo(b.port);
    const watched = links('n3', () => [place('n2', network.port)], {}, { clock });
    await until('up', () => watched.links.up('n2'), SOON);
    const answered = () => Buffer.concat(network.downstream[0] ?? []).length;
    for (let i = 0; i < 10; i++) {
      const before = answered();
      clock.pass(500);
      await until('answered', () => answered() > before, SOON);
    }
    expect([a.links.up('n2'), watched.links.up('n2'), watched.losses]).toEqual([true, true, []]);
  });
});

describe('the peers change', () => {
  test('a new one is dialled, and one that is no member any more is hung up on', async () => {
    const [own, b, c] = [await listener('n1'), await listener('n2'), await listener('n3')];
    let peers = [place('n2', b.port)];
    const a = links('n1', () => peers);
    await until('up', () => a.links.up('n2'), SOON);
    // A list names this node too; it does not dial itself.
    peers = [place('n1', own.port), place('n3', c.port)];
    a.links.peersChanged();
    expect(a.links.up('n2')).toBe(false);
    await until('up', () => a.links.up('n3'), SOON);
    expect([a.links.send('n2', beat(1)), a.links.send('n3', beat(2)), a.links.send('n1', beat(3))]).toEqual([
      false,
      true,
      false,
    ]);
    await until('heard', () => c.election.length === 1, SOON);
    expect([b.election, a.losses, own.refused]).toEqual([[], [], []]);
  });

  test('a new address: the link goes there, and the old one is no loss', async () => {
    const b = await listener('n2');
    const [before, after] = [await proxyTo(b.port), await proxyTo(b.port)];
    let port = before.port;
    const a = links('n1', () => [place('n2', port)]);
    await until('up', () => a.links.up('n2'), SOON);
    a.links.peersChanged();
    expect(a.links.up('n2')).toBe(true);
    port = after.port;
    a.links.peersChanged();
    await until('up', () => a.links.up('n2') && after.upstream.length === 1, SOON);
    expect([before.upstream.length, a.losses]).toEqual([1, []]);
  });
});

test('stop ends everything: links, dials and waits; nothing is told, and no timer is left', async () => {
  const b = await listener('n2');
  const mute = await rawListen(() => {});
  stops.push(mute.stop);
  const clock = new VirtualClock();
  const a = links('n1', () => [place('n2', b.port), place('n3', mute.port), place('n4', 1)], {}, { clock });
  await until('all begun', () => a.links.up('n2') && a.codes.includes('LINK_UNREACHABLE'), SOON);
  await a.links.stop();
  expect([a.links.up('n2'), a.links.send('n2', beat(1)), a.losses]).toEqual([false, false, []]);
  expect(isIdle(clock)).toBe(true);
  a.links.peersChanged();
  expect(isIdle(clock)).toBe(true);
});

test('stop forgets a loss that is not told yet', async () => {
  const b = await listener('n2');
  const network = await proxyTo(b.port);
  const clock = new VirtualClock();
  const a = links('n1', () => [place('n2', network.port)], {}, { clock });
  await until('up', () => a.links.up('n2'), SOON);
  network.state.deaf = true;
  network.cut();
  await until('the loss is seen', () => !a.links.up('n2') && clock.isDueWithin(100), SOON);
  await a.links.stop();
  expect(isIdle(clock)).toBe(true);
  expect(a.losses).toEqual([]);
});
