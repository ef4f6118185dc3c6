import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { until } from '../../test/kit/until.js';
import { RotatingFile } from './rotating-file.js';

const directory = mkdtempSync(join(tmpdir(), 'skein-log-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** The disk is quick, however busy the machine is. */
const policy = { allows: () => true, waited() {} };

it('appends, also after a restart', () => {
  const path = join(directory, 'a.log');
  for (const line of ['one\n', 'two\n']) {
    const file = new RotatingFile({ policy, path, bytesMax: 1000 });
    file.write(line, { urgent: false });
    file.flush();
  }
  expect(readFileSync(path, 'utf8')).toBe('one\ntwo\n');
});

it('writes urgent lines at once, with all before them, and others by itself a moment later', async () => {
  const path = join(directory, 'turn.log');
  const file = new RotatingFile({ policy, path, bytesMax: 1000 });
  const written: string[] = [];
  file.onLines.on((lines) => written.push(...lines));
  file.write('routine\n', { urgent: false });
  expect(readFileSync(path, 'utf8')).toBe('');
  file.write('urgent\n', { urgent: true });
  expect(readFileSync(path, 'utf8')).toBe('routine\nurgent\n');
  file.write('later\n', { urgent: false });
  await until('the line is written', () => written.length === 3);
  expect(readFileSync(path, 'utf8')).toBe('routine\nurgent\nlater\n');
});

it('keeps three older files and no more, whatever is written', () => {
  const path = join(directory, 'b.log');
  const file = new RotatingFile({ policy, path, bytesMax: 1000 });
  for (let i = 0; i < 100; i++) {
    file.write(`${String(i).padStart(99, '0')}\n`, { urgent: false });
    file.flush();
  }
  expect(readFileSync(path, 'utf8')).toContain('99\n');
  for (const age of [1, 2, 3]) expect(statSync(`${path}.${age}`).size).toBe(1000);
  expect(existsSync(`${path}.4`)).toBe(false);
});

describe('a disk that does not take everything', () => {
  /** Takes so many bytes of each write, then the next number; a negative one is an error. */
  function fileWith(name: string, takes: number[]) {
    const path = join(directory, name);
    const write = (fd: number, bytes: Buffer) => {
      const size = takes.shift() ?? bytes.length;
      if (size < 0) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
      return writeSync(fd, bytes.subarray(0, size));
    };
    const told: string[] = [];
    const file = new RotatingFile({ policy, path, bytesMax: 10_000, write });
    file.onLines.on((lines) => told.push(...lines));
    const add = (...lines: string[]) => {
      for (const line of lines) file.write(`${line}\n`, { urgent: false });
      file.flush();
    };
    return { add, told, text: () => readFileSync(path, 'utf8') };
  }
  const lostNote = (lines: number) =>
    expect.stringMatching(new RegExp(`"lines":${lines},"msg":"log lines were lost"`));

  it('a short write is gone on with', () => {
    const { add, told, text } = fileWith('short.log', [3, 1]);
    add('first', 'second');
    expect(text()).toBe('first\nsecond\n');
    expect(told).toEqual(['first', 'second']);
  });

  it('a line that was cut is ended, counted and not told to readers', () => {
    const { add, told, text } = fileWith('torn.log', [9, -1]);
    add('first', 'second', 'third');
    expect(told).toEqual(['first']);
    add('fourth');
    expect(text().split('\n')).toEqual(['first', 'sec', lostNote(2), 'fourth', '']);
    expect(told).toEqual(['first', 'fourth']);
  });

  it('lost lines stay counted until the note itself is in the file', () => {
    const { add, text } = fileWith('full.log', [-1, -1, 10, -1]);
    add('first');
    add('second');
    // The note itself is cut.
    add('third');
    add('fourth');
    expect(text().split('\n')).toEqual([expect.stringMatching(/^.{10}$/), lostNote(3), 'fourth', '']);
  });
});

describe('a disk that is slow', () => {
  const SLOW_MS = 30;

  /** Each synchronous write waits for the disk. */
  function slowFile(name: string, bytesMax = 10_000_000) {
    const path = join(directory, name);
    const did = { synchronous: 0 };
    const file = new RotatingFile({
      ...{ path, bytesMax },
      write(fd, bytes) {
        did.synchronous++;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, SLOW_MS);
        return writeSync(fd, bytes);
      },
    });
    return { file, did, text: () => readFileSync(path, 'utf8') };
  }

  it('is not waited for again: the lines follow in order', async () => {
    const { file, did, text } = slowFile('slow.log');
    const told: string[] = [];
    file.onLines.on((lines) => told.push(...lines));
    const lines = Array.from({ length: 200 }, (_, at) => `line ${at}`);
    for (const line of lines) file.write(`${line}\n`, { urgent: true });
    await until('all lines are written', () => told.length === lines.length);
    expect(did.synchronous).toBe(1);
    expect(text()).toBe(`${lines.join('\n')}\n`);
    expect(told).toEqual(lines);
  });

  it('holds a bounded number of lines, and says how many were lost', async () => {
    const { file, text } = slowFile('flood.log', 100_000_000);
    const line = `${'x'.repeat(1023)}\n`;
    for (let at = 0; at < 10_000; at++) file.write(line, { urgent: true });
    await until('what waited is written', () => text().length > 4_000_000);
    file.write('last\n', { urgent: true });
    await until('the last line is there', () => text().endsWith('last\n'));
    const lost = Number(/"lines":(\d+),"msg":"log lines were lost"/.exec(text())?.[1]);
    expect(
      text()
        .split('\n')
        .filter((text) => text.startsWith('x')).length + lost,
    ).toBe(10_000);
    expect(lost).toBeGreaterThan(5_000);
  });

  it('gets what waits when the process ends', () => {
    const others = process.listeners('exit');
    const { file, text } = slowFile('ended.log');
    for (let at = 0; at < 3; at++) file.write(`line ${at}\n`, { urgent: true });
    file.write('routine\n', { urgent: false });
    for (const ended of process.listeners('exit')) if (!others.includes(ended)) ended.call(process, 0);
    // The line that a thread was writing at that moment may follow the others.
    expect(text().split('\n')).toEqual(expect.arrayContaining(['line 0', 'line 2', 'routine']));
  });
});

it('a reader that throws loses no line, for nobody, and is said once', () => {
  const path = join(directory, 'reader.log');
  const file = new RotatingFile({ policy, path, bytesMax: 10_000 });
  file.onLines.on(() => {
    throw new Error('broken reader');
  });
  file.write('one\n', { urgent: true });
  file.write('two\n', { urgent: true });
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  expect(lines).toEqual(['one', expect.stringContaining('broken reader'), 'two']);
});

it('a file that cannot be rotated grows on, and no older one is pushed out', () => {
  const path = join(directory, 'stuck.log');
  mkdirSync(`${path}.new`);
  writeFileSync(`${path}.1`, 'older\n');
  const file = new RotatingFile({ policy, path, bytesMax: 10 });
  for (const line of ['first line\n', 'second\n', 'third\n']) {
    file.write(line, { urgent: false });
    file.flush();
  }
  expect(readFileSync(path, 'utf8')).toBe('first line\nsecond\nthird\n');
  expect(readFileSync(`${path}.1`, 'utf8')).toBe('older\n');
});
