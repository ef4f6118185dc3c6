import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { RotatingFile } from './rotating-file.js';

const directory = mkdtempSync(join(tmpdir(), 'skein-log-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

it('appends, also after a restart', () => {
  const path = join(directory, 'a.log');
  for (const line of ['one\n', 'two\n']) {
    const file = new RotatingFile({ path, bytesMax: 1000 });
    file.write(line);
    file.flush();
  }
  expect(readFileSync(path, 'utf8')).toBe('one\ntwo\n');
});

it('writes by itself at the end of the turn', async () => {
  const path = join(directory, 'turn.log');
  new RotatingFile({ path, bytesMax: 1000 }).write('line\n');
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  expect(readFileSync(path, 'utf8')).toBe('line\n');
});

it('keeps three older files and no more, whatever is written', () => {
  const path = join(directory, 'b.log');
  const file = new RotatingFile({ path, bytesMax: 1000 });
  for (let i = 0; i < 100; i++) {
    file.write(`${String(i).padStart(99, '0')}\n`);
    file.flush();
  }
  expect(readFileSync(path, 'utf8')).toContain('99\n');
  for (const age of [1, 2, 3]) expect(statSync(`${path}.${age}`).size).toBe(1000);
  expect(existsSync(`${path}.4`)).toBe(false);
});
