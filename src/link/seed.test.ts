import { afterEach, expect, test } from 'vitest';
import { at, SECRET } from '../../test/kit/link.js';
import { linkEnds } from '../../test/kit/link-ends.js';
import { until } from '../../test/kit/until.js';
import { SEED_DATA_BYTES_MAX } from '../wire/frames.js';
import { dialSeed, type SeedDialOptions } from './seed-dialer.js';
import type { SeedSession } from './seed-sender.js';

const { primary, proxyTo, stop } = linkEnds();
afterEach(stop);

const REQUEST = { node: 'n2', flavour: 'mariadb', fromOrdinal: 3 } as const;
const OFFER = { node: 'n1', role: 'primary', serverVersion: '10.11.19', bytesTotal: 9 } as const;
const going = () => new AbortController().signal;

async function donor(requested: (session: SeedSession) => void) {
  return primary({}, { seedRequested: requested });
}

const dial = (port: number, over: Partial<SeedDialOptions> = {}, signal = going()) =>
  dialSeed({ host: '127.0.0.1', port, cluster: 'demo', secret: SECRET, ...over }, REQUEST, signal);

async function bytesOf(body: AsyncIterable<Buffer>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of body) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}

test('a snapshot arrives whole, in pieces, with its position, and the donor knows', async () => {
  const sent = Buffer.alloc(2 * SEED_DATA_BYTES_MAX + 7, 'snapshot');
  const ended: unknown[] = [];
  const p = await donor((session) => {
    expect(session.request).toEqual(REQUEST);
    session.onClosed.on((error) => ended.push(error));
    session.offer(OFFER);
    void session.send(sent).then(() => session.end({ position: at(1, 5), bytes: sent.length }));
  });
  const stream = await dial(p.port);
  expect(stream.offer).toEqual(OFFER);
  expect((await bytesOf(stream.body)).equals(sent)).toBe(true);
  expect(stream.end()).toEqual({ position: at(1, 5), bytes: sent.length });
  await until('the donor knows', () => ended.length === 1);
  expect(ended).toEqual([null]);
});

test('the receiver hangs up only when its reader is done: until then nothing may be read into the same memory', async () => {
  const ended: string[] = [];
  const p = await donor((session) => {
    const { node } = session.request;
    session.onClosed.on((error) => ended.push(`${node}: ${error?.code ?? 'has everything'}`));
    session.offer(OFFER);
    // In one read of the receiver.
    void session.send(Buffer.from('piece'));
    session.end({ position: at(1, 5), bytes: 5 });
  });
  const dialAs = (node: string) =>
    dialSeed(
      { host: '127.0.0.1', port: p.port, cluster: 'demo', secret: SECRET },
      { ...REQUEST, node },
      going(),
    );
  const slow = await dialAs('slow');
  const pieces = slow.body[Symbol.asyncIterator]();
  const { value } = await pieces.next();
  // Another transfer takes all of its time meanwhile.
  await bytesOf((await dialAs('quick')).body);
  await until('the donor of the quick one knows', () => ended.includes('quick: has everything'));
  expect(ended).toHaveLength(1);
  expect(String(value)).toBe('piece');
  expect(await pieces.next()).toMatchObject({ done: true });
  await until('the donor of the slow one knows', () => ended.includes('slow: has everything'));
});

test('a slow receiver holds the donor back: its memory does not fill', async () => {
  const piece = Buffer.alloc(SEED_DATA_BYTES_MAX);
  let sent = 0;
  const p = await donor((session) => {
    session.offer(OFFER);
    let isOver = false;
    session.onClosed.on(() => {
      isOver = true;
    });
    void (async () => {
      while (!isOver) {
        await session.send(piece);
        sent += piece.length;
      }
    })();
  });
  const stream = await dial(p.port);
  const pieces = stream.body[Symbol.asyncIterator]();
  await pieces.next();
  let before = -1;
  await until(
    'the donor has stopped',
    () => {
      const stands = sent === before;
      before = sent;
      return stands;
    },
    { intervalMs: 200 },
  );
  // What the kernel and both processes buffer, and far below what was there to be sent.
  expect(sent).toBeLessThan(64 * 2 ** 20);
  await pieces.return?.();
});

test('a donor that needs longer for its offer says that it is there; bytes before the offer are a fault', async () => {
  let first: (session: SeedSession) => void = (session) => setTimeout(() => session.offer(OFFER), 2_500);
  const p = await donor((session) => first(session));
  const stream = await dial(p.port, { silentMs: 2_000 });
  expect(stream.offer).toEqual(OFFER);
  stream.stop();
  first = (session) => session.send(Buffer.from('early'));
  await expect(dial(p.port)).rejects.toMatchObject({ code: 'FRAME_UNEXPECTED' });
});

test('a refusal reaches the receiver by its name', async () => {
  const p = await donor((session) => session.refuse('SEED_BUSY', 'n1 sends two snapshots already.'));
  await expect(dial(p.port)).rejects.toMatchObject({
    code: 'SEED_BUSY',
    message: 'n1 sends two snapshots already.',
  });
});

test('an end without the word that it is complete is a failure: refused, cut, or fewer bytes', async () => {
  let end: (session: SeedSession) => void = () => {};
  const p = await donor((session) => {
    session.offer(OFFER);
    void session.send(Buffer.from('half'));
    end(session);
  });
  end = (session) => session.refuse('SNAPSHOT_FAILED', 'The program failed.');
  await expect(dial(p.port).then(({ body }) => bytesOf(body))).rejects.toMatchObject({
    code: 'SNAPSHOT_FAILED',
  });
  end = (session) => session.end({ position: at(1, 5), bytes: 5 });
  await expect(dial(p.port).then(({ body }) => bytesOf(body))).rejects.toMatchObject({
    code: 'SEED_INCOMPLETE',
  });
  const proxy = await proxyTo(p.port);
  end = () => {};
  const stream = await dial(proxy.port);
  proxy.cut();
  await expect(bytesOf(stream.body)).rejects.toMatchObject({ code: expect.stringMatching(/^LINK_/) });
});

test('who does not know the secret learns nothing; who gives up ends the donor', async () => {
  const sessions: SeedSession[] = [];
  const closed: unknown[] = [];
  const p = await donor((session) => {
    sessions.push(session);
    session.onClosed.on((error) => closed.push(error?.code));
    session.offer(OFFER);
  });
  await expect(dial(p.port, { secret: 'another secret, as long as it' })).rejects.toMatchObject({
    code: 'WRONG_SECRET',
  });
  expect(sessions).toEqual([]);
  const abort = new AbortController();
  const stream = await dial(p.port, {}, abort.signal);
  const over = new Error('cancelled by an operator');
  abort.abort(over);
  await expect(bytesOf(stream.body)).rejects.toBe(over);
  await until('the donor knows', () => closed.length === 1);
  expect(closed).toEqual(['SEED_ENDED']);
});

test('a donor that hangs is given up, one that only waits is not', async () => {
  const p = await donor((session) => session.offer(OFFER));
  const proxy = await proxyTo(p.port);
  const stream = await dial(proxy.port, { silentMs: 1_500 });
  const arrived = bytesOf(stream.body);
  arrived.catch(() => {});
  // The donor says that it is there each second.
  await expect(
    Promise.race([arrived, new Promise((resolve) => setTimeout(() => resolve('waits'), 2_000))]),
  ).resolves.toBe('waits');
  proxy.state.deaf = true;
  await expect(arrived).rejects.toMatchObject({ code: 'LINK_SILENT' });
});
