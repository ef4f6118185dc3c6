import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, it } from 'vitest';
import { throughout, until } from '../../../test/kit/until.js';
import { livingOwner, writePidFile } from '../../std/pid-file.js';
import { identifyProcess, isSameProcessAlive, type ProcessIdentity } from '../../std/process-identity.js';
import { NodeProcess, pidFile } from './node-process.js';
import { type PlannedNode, planDemo } from './plan.js';

/** Stands for a node: writes its pid files as a node does, and ends when it is asked to. */
const FAKE_NODE = `
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
const stat = readFileSync('/proc/self/stat', 'latin1');
const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
const startedAt = boot + ':' + stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
writeFileSync('node.pid.start', JSON.stringify({ pid: process.pid, startedAt }));
writeFileSync('node.pid', String(process.pid));
appendFileSync('starts', process.pid + '\\n');
if (process.env.SKEIN_TEST_FAIL) { console.error('no such luck'); process.exit(3); }
process.on('SIGTERM', () => process.exit(0));
process.on('SIGUSR2', () => { for (;;); });
const touch = () => writeFileSync('node.alive', JSON.stringify({ pid: process.pid, startedAt }));
touch();
setInterval(touch, 500);
setInterval(() => {}, 1000);
`;

const base = mkdtempSync(join(tmpdir(), 'skein-process-'));
const script = join(base, 'fake-node.mjs');
writeFileSync(script, FAKE_NODE);
const command = [process.execPath, script];
const started: NodeProcess[] = [];

function run(node: PlannedNode, said: string[] = [], hungAfterMs = 0): NodeProcess {
  const running = new NodeProcess({ node, command, hungAfterMs }, { say: (text) => said.push(text) });
  started.push(running);
  return running;
}

function plannedNode(name: string): PlannedNode {
  const directory = join(base, name);
  const [node] = planDemo({
    directory,
    httpPort: 1,
    mysqlPort: 100,
    linkPort: 200,
    replicas: 0,
    acknowledge: 'async',
  });
  if (!node) throw new Error('no plan');
  mkdirSync(node.directory, { recursive: true });
  return node;
}

const starts = (node: PlannedNode) =>
  existsSync(join(node.directory, 'starts'))
    ? readFileSync(join(node.directory, 'starts'), 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map(Number)
    : [];

function identity(pid: number | null): ProcessIdentity {
  const found = pid === null ? null : identifyProcess(pid);
  if (!found) throw new Error(`no process ${pid}`);
  return found;
}

afterEach(async () => {
  delete process.env.SKEIN_TEST_FAIL;
  await Promise.all(started.splice(0).map((node) => node.stop({ others: 'stop' })));
});
afterAll(() => rmSync(base, { recursive: true, force: true }));

it('starts again a node that was killed, and not one that was stopped', async () => {
  const node = plannedNode('restart');
  const said: string[] = [];
  const running = run(node, said);
  await until('first start', () => starts(node).length === 1);
  process.kill(identity(running.pid).pid, 'SIGKILL');
  await until('second start', () => starts(node).length === 2);
  expect(said[0]).toMatch(/^n1 ended \(SIGKILL\); starting it again in 0\.[12] s/);
  const second = identity(starts(node)[1] ?? null);
  await running.stop({ others: 'stop' });
  expect(isSameProcessAlive(second)).toBe(false);
  // A node that was killed was started again after 0.1 to 0.2 s.
  await throughout('it is not started again', 500, () => starts(node).length === 2);
});

it('adopts a running node, and watches and stops it like its own', async () => {
  const node = plannedNode('adopt');
  const first = run(node);
  // It has written both of its files: a process that is stopped in between has started without a trace.
  await until('start', () => livingOwner(pidFile(node)) !== null && starts(node).length === 1);
  const pid = first.pid;
  const second = run(node);
  expect(first.adopted).toBe(false);
  expect(second.adopted).toBe(true);
  expect(second.pid).toBe(pid);
  const alive = identity(pid);
  await Promise.all([first.stop({ others: 'stop' }), second.stop({ others: 'stop' })]);
  expect(isSameProcessAlive(alive)).toBe(false);
  expect(starts(node)).toEqual([pid]);
});

it('adopts, instead of starting it twice, a node that it did not know of', async () => {
  process.env.SKEIN_TEST_FAIL = '1';
  const node = plannedNode('late');
  // What somebody else started; it ends by SIGTERM, as a node does.
  const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  const ended = once(other, 'exit');
  const owner = identity(other.pid ?? null);
  const running = run(node);
  await until('it has failed', () => running.failures > 0, { intervalMs: 10 });
  await writePidFile(pidFile(node), owner);
  await until('it is watched', () => running.pid === other.pid);
  const failed = starts(node).length;
  await running.stop({ others: 'stop' });
  await ended;
  expect(starts(node)).toHaveLength(failed);
});

it('kills and starts again a node whose event loop spins, and says so', { timeout: 90_000 }, async () => {
  const node = plannedNode('spin');
  const said: string[] = [];
  const running = run(node, said, 2000);
  await until('it turns its loop', () => existsSync(join(node.directory, 'node.alive')));
  const hung = identity(running.pid);
  process.kill(hung.pid, 'SIGUSR2');
  // Six times the limit when the machine is so busy that the spinning process hardly runs.
  await until('second start', () => starts(node).length === 2, { deadlineMs: 60_000 });
  expect(isSameProcessAlive(hung)).toBe(false);
  expect(said[0]).toMatch(
    new RegExp(`^n1 hangs: the event loop of process ${hung.pid} has not turned for \\d+\\.\\d s`),
  );
  expect(said[1]).toContain('n1 ended (SIGKILL)');
});

it('also one that it adopted, and that was stopped before', async () => {
  const node = plannedNode('stopped');
  const other = spawn(process.execPath, [script], { cwd: node.directory, stdio: 'ignore' });
  await until(
    'it runs',
    () => livingOwner(pidFile(node)) !== null && existsSync(join(node.directory, 'node.alive')),
  );
  process.kill(identity(other.pid ?? null).pid, 'SIGSTOP');
  const said: string[] = [];
  expect(run(node, said, 2000).adopted).toBe(true);
  await until('second start', () => starts(node).length === 2);
  expect(said[0]).toContain(`the event loop of process ${other.pid}`);
});

it('counts failures, waits longer each time, and shows the last words', async () => {
  process.env.SKEIN_TEST_FAIL = '1';
  const node = plannedNode('fail');
  const said: string[] = [];
  const running = run(node, said);
  await until('three failures', () => running.failures === 3);
  expect(said[0]).toContain('n1 ended (exit code 3)');
  expect(said[0]).toContain('    no such luck');
  await running.stop({ others: 'stop' });
});
