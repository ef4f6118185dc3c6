import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { until } from '../../test/kit/until.js';
import { RotatingFile } from './rotating-file.js';

const directory = mkdtempSync(join(tmpdir(), 'skein-log-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

it('appends, also after a restart', () => {
  const path = join(directory, 'a.log');
  for (const line of ['one\n', 'two\n']) {
    const file = new RotatingFile({ path, bytesMax: 1000 });
    file.write(line, { urgent: false });
    file.flush();
  }
  expect(readFileSync(path, 'utf8')).toBe('one\ntwo\n');
});

it('writes urgent lines at once, with all before them, and others by itself a moment later', async () => {
  const path = join(directory, 'turn.log');
  const file = new RotatingFile({ path, bytesMax: 1000 });
  const written: string[] = [];
  file.onLines.on((lines) => written.push(...lines));
  file.write('routine\n', { urgent: false });
  expect(readFileSync(path, 'utf8')).toBe('');
  file.write('urgent\n', { urgent: true });
  expect(readFileSync(path, 'utf8')).toBe('routine\nurgent\n');
  file.write('later\n', { urgent: false });
  await until('the line is written', () => written.length === 3, { deadlineMs: 5_000 });
  expect(readFileSync(path, 'utf8')).toBe('routine\nurgent\nlater\n');
});

it('keeps three older files and no more, whatever is written', () => {
  const path = join(directory, 'b.log');
  const file = new RotatingFile({ path, bytesMax: 1000 });
  for (let i = 0; i < 100; i++) {
    file.write(`${String(i).padStart(99, '0')}\n`, { urgent: false });
    file.flush();
  }
  expect(readFileSync(path, 'utf8')).toContain('99\n');
  for (const age of [1, 2, 3]) expect(statSync(`${path}.${age}`).size).toBe(1000);
  expect(existsSync(`${path}.4`)).toBe(false);
});
