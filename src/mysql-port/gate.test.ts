import { expect, it } from 'vitest';
import { Gate, type Route } from './gate.js';

const to = (port: number, localAddress?: string): Route => ({
  open: true,
  target: { host: '127.0.0.1', port, ...(localAddress === undefined ? {} : { localAddress }) },
});
const closed = (reason = 'closed'): Route => ({ open: false, reason });

/** What happens to a connection that began before the change. */
it.each<[string, Route, Route, boolean]>([
  ['the same again', to(1), to(1), true],
  ['closed', to(1), closed(), false],
  ['another port', to(1), to(2), false],
  ['another address to dial from', to(1), to(1, '127.0.0.2'), false],
])('%s', (_name, before, after, livesOn) => {
  const gate = new Gate('starting');
  gate.set(before);
  const generation = gate.pass()?.generation ?? -1;
  expect(gate.admits(generation)).toBe(true);
  let seen: boolean | null = null;
  gate.onChange.on(() => {
    seen = gate.admits(generation);
  });
  gate.set(after);
  expect(gate.admits(generation)).toBe(livesOn);
  // Whoever listens to cut connections must already see the new generation.
  expect(seen).toBe(livesOn ? null : false);
});

it('never admits again what it once left, even when it leads back to the same place', () => {
  const gate = new Gate('starting');
  gate.set(to(1));
  const pass = gate.pass();
  gate.set(closed());
  expect(gate.pass()).toBeNull();
  gate.set(to(1));
  expect(gate.admits(pass?.generation ?? -1)).toBe(false);
  expect(gate.pass()?.target.port).toBe(1);
});

it('keeps the newest reason while it is closed', () => {
  const gate = new Gate('starting');
  gate.set(closed('waiting for a replica'));
  expect(gate.route).toEqual(closed('waiting for a replica'));
});

it('waits for its opening, for a while, and until the signal', async () => {
  const gate = new Gate('starting');
  const { signal } = new AbortController();
  expect(await gate.untilOpen(20, signal)).toBeNull();
  const waiting = gate.untilOpen(5_000, signal);
  gate.set(closed('another reason'));
  gate.set(to(3));
  expect((await waiting)?.target.port).toBe(3);
  expect((await gate.untilOpen(0, signal))?.target.port).toBe(3);
  gate.set(closed());
  const stop = new AbortController();
  const aborted = gate.untilOpen(5_000, stop.signal);
  stop.abort();
  expect(await aborted).toBeNull();
});
