import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { commandOf, identifyProcess, isSameProcessAlive, ownIdentity } from './process-identity.js';

it('tells a living process from an ended one', async () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  const identity = identifyProcess(child.pid as number);
  if (!identity) throw new Error('the child has no identity');
  expect(isSameProcessAlive(identity)).toBe(true);
  expect(commandOf(identity.pid)).toContain('setInterval');
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(isSameProcessAlive(identity)).toBe(false);
  expect(identifyProcess(identity.pid)).toBeNull();
});

it('does not take a recycled number for the same process', () => {
  const own = ownIdentity();
  expect(isSameProcessAlive(own)).toBe(true);
  expect(isSameProcessAlive({ ...own, startedAt: `${own.startedAt}0` })).toBe(false);
});

it.each([0, -1, 1.5, Number.NaN, 2 ** 30])('knows no process %d', (pid) => {
  expect(identifyProcess(pid)).toBeNull();
});
