import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Type } from '@sinclair/typebox';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { silentLogger } from './logger.js';
import { type DamagePolicy, StateFile } from './state-file.js';

let directory = '';
let path = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'skein-state-file-'));
  path = join(directory, 'state.json');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const Schema = Type.Object({ number: Type.Integer() });
const refuse = ({ path: file, reason }: { path: string; reason: string }) => new Error(`${file}: ${reason}`);

function stateFile(onDamage: DamagePolicy = { refuse }) {
  return new StateFile({ path, schema: Schema, missing: null, onDamage });
}

function warnings(): { lines: object[]; policy: DamagePolicy } {
  const lines: object[] = [];
  return {
    lines,
    policy: { startOver: { ...silentLogger, warn: (data) => void lines.push(data) } },
  };
}

const DAMAGED: [string, string][] = [
  ['', 'it is empty'],
  ['{"number":', 'it is not JSON'],
  ['null', '/: Expected object'],
  ['{"number":"1"}', '/number: Expected integer'],
];

it('gives back what was saved, to its owner only, and leaves nothing beside it', async () => {
  expect(await stateFile().load()).toBeNull();
  await stateFile().save({ number: 1 });
  expect(await stateFile().load()).toEqual({ number: 1 });
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(directory)).toEqual(['state.json']);
});

it.each(DAMAGED)('refuses to take %j for a missing file, and leaves it as it is', async (text, reason) => {
  writeFileSync(path, text);
  await expect(stateFile().load()).rejects.toThrow(`${path}: ${reason}`);
  expect(readFileSync(path, 'utf8')).toBe(text);
});

it.each(DAMAGED)('starts over from %j aloud, and keeps it beside its successor', async (text, reason) => {
  writeFileSync(path, text);
  const { lines, policy } = warnings();
  const file = stateFile(policy);
  expect(await file.load()).toBeNull();
  expect(lines).toEqual([{ path, reason }]);
  expect(existsSync(`${path}.damaged`)).toBe(false);
  await file.save({ number: 2 });
  await file.save({ number: 3 });
  expect(readFileSync(`${path}.damaged`, 'utf8')).toBe(text);
  expect(await file.load()).toEqual({ number: 3 });
});

it('starts over also when the damaged file was removed meanwhile', async () => {
  writeFileSync(path, '{');
  const file = stateFile(warnings().policy);
  await file.load();
  rmSync(path);
  await file.save({ number: 2 });
  expect(await file.load()).toEqual({ number: 2 });
});

it('takes a file that the system does not give for neither missing nor damaged', async () => {
  await mkdir(path);
  const { lines, policy } = warnings();
  await expect(stateFile(policy).load()).rejects.toThrow('EISDIR');
  await expect(stateFile().load()).rejects.toThrow('EISDIR');
  expect(lines).toEqual([]);
});

it('keeps the last of many saves, and the old content when one fails', async () => {
  const file = stateFile();
  await Promise.all([1, 2, 3, 4, 5].map((number) => file.save({ number })));
  expect(await file.load()).toEqual({ number: 5 });
  rmSync(directory, { recursive: true });
  await expect(file.save({ number: 6 })).rejects.toThrow('ENOENT');
  await mkdir(directory);
  await file.save({ number: 7 });
  expect(await file.load()).toEqual({ number: 7 });
});

it('takes away what a killed process was writing, and nothing of one that lives', async () => {
  const stale = `state.json.tmp-${2 ** 22 + 1}-abc`;
  const living = `state.json.tmp-${process.ppid}-abc`;
  for (const name of [stale, living]) writeFileSync(join(directory, name), '{');
  await stateFile().save({ number: 1 });
  expect(readdirSync(directory).sort()).toEqual(['state.json', living].sort());
});
