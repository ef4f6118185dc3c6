import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { until } from '../../test/kit/until.js';
import { ownIdentity } from './process-identity.js';
import { argumentValue, findProcesses, hasRunnableThread, mayBeAlive, readProcess } from './processes.js';

it('knows a process by its identity, owner and arguments, and no other', () => {
  expect(readProcess(process.pid)).toMatchObject({ ...ownIdentity(), uid: process.getuid?.() });
  expect(readProcess(2 ** 30)).toBeNull();
});

it('finds a process by its arguments, until it has ended', async () => {
  const name = `--name=skein-${process.pid}-${Date.now()}`;
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', '--', name]);
  await once(child, 'spawn');
  const matching = () => findProcesses(({ args }) => args.includes(name));
  const [found] = matching();
  if (!found) throw new Error('the child was not found');
  expect(found.pid).toBe(child.pid);
  expect(argumentValue(found.args, 'name')).toBe(name.slice('--name='.length));
  expect(mayBeAlive(found)).toBe(true);
  expect(mayBeAlive({ ...found, startedAt: 'another boot:1' })).toBe(false);
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(matching()).toEqual([]);
  expect(mayBeAlive(found)).toBe(false);
});

it('tells a process that wants a core from one that stands still', async () => {
  // The thread that spins is not the first one of the process.
  const spin = "new Worker('for(;;);', { eval: true })";
  const child = spawn(process.execPath, ['-e', `const { Worker } = require('node:worker_threads'); ${spin}`]);
  await once(child, 'spawn');
  const pid = child.pid as number;
  try {
    await until('it spins', () => hasRunnableThread(pid));
    child.kill('SIGSTOP');
    await until('it stands still', () => !hasRunnableThread(pid));
  } finally {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  expect(hasRunnableThread(pid)).toBe(false);
});
