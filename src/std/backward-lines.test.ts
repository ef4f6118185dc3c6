import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { backwardLines } from './backward-lines.js';

const directory = mkdtempSync(join(tmpdir(), 'skein-lines-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function backward(text: string): Promise<string[]> {
  const path = join(directory, 'f');
  writeFileSync(path, text);
  const lines: string[] = [];
  for await (const group of backwardLines(path)) for (const line of group) lines.push(line);
  return lines;
}

it('gives every whole line once, newest first', async () => {
  expect(await backward('')).toEqual([]);
  expect(await backward('no end')).toEqual([]);
  expect(await backward('one\n')).toEqual(['one']);
  expect(await backward('one\ntwo\n\nfour\ncut')).toEqual(['four', '', 'two', 'one']);
});

it('puts lines together that lie across the borders of what is read at a time', async () => {
  for (const width of [1, 7, 1000, 262_143, 262_144, 262_145, 700_000]) {
    const lines = Array.from({ length: Math.ceil(1_500_000 / (width + 1)) }, (_, i) =>
      String(i).padEnd(width, 'ä').slice(0, width),
    );
    const text = `${lines.join('\n')}\n`;
    expect((await backward(text)).reverse().join('\n') === lines.join('\n'), `width ${width}`).toBe(true);
  }
});

it('has nothing to say of a file that is not there', async () => {
  for await (const group of backwardLines(join(directory, 'none'))) expect(group).toBe('never');
});
