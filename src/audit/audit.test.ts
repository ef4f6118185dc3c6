import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../../test/kit/until.js';
import { silentLogger } from '../std/logger.js';
import { AuditTrail } from './audit-trail.js';
import { maskLiterals } from './mask-literals.js';
import { statementFields } from './request-lines.js';
import { auditKey } from './sealed-line.js';
import { searchTrail } from './search.js';
import { verifyTrail } from './verify.js';

const base = mkdtempSync(join(tmpdir(), 'skein-audit-'));
afterAll(() => rmSync(base, { recursive: true, force: true }));
const key = auditKey(Buffer.from('the secret of all'));
let directory = '';
let count = 0;
beforeEach(() => {
  directory = join(base, String(count++));
});

const open = (more = {}) =>
  AuditTrail.open(
    { directory, node: 'n1', key, fileBytesMax: 2000, filesMax: 100, ...more },
    { log: silentLogger },
  );

async function fill(lines: number, more = {}): Promise<void> {
  const trail = await open(more);
  for (let i = 0; i < lines; i++) {
    trail.add({ kind: 'request', token: `tok_${i % 3}`, text: `line ${i}` });
    if (i % 5 === 0) await trail.settled();
  }
  await trail.close();
}

const files = () =>
  (existsSync(directory) ? readdirSync(directory) : []).filter((name) => name.endsWith('.jsonl')).sort();
const path = (at: number) => join(directory, files().at(at) ?? '');
const linesOf = (at: number) => readFileSync(path(at), 'utf8').trimEnd().split('\n');
const write = (at: number, lines: string[]) => writeFileSync(path(at), `${lines.join('\n')}\n`);
const verify = () => verifyTrail(directory, key);

describe('an audit trail', () => {
  it('is whole over turns of the event loop, files and restarts', async () => {
    await fill(30);
    await fill(30);
    expect(files().length).toBeGreaterThan(3);
    const verdict = await verify();
    expect(verdict).toMatchObject({ ok: true, faults: [], notes: [], from: 1 });
    expect(verdict.to).toBe(verdict.lines);
    expect(verdict.lines).toBe(60 + files().length);
  });

  it('is not verified by another secret', async () => {
    await fill(3);
    expect((await verifyTrail(directory, auditKey(Buffer.from('another')))).ok).toBe(false);
  });

  it('shows a changed line, and says where', async () => {
    await fill(30);
    const lines = linesOf(1);
    lines[2] = (lines[2] ?? '').replace('"line ', '"LINE ');
    write(1, lines);
    const { ok, faults } = await verify();
    expect(ok).toBe(false);
    expect(faults).toEqual([{ file: files()[1], line: 3, message: expect.stringContaining('was changed') }]);
  });

  it('shows a line that was taken out, put in, or moved', async () => {
    await fill(30);
    const lines = linesOf(1);
    const seq = (JSON.parse(lines[3] ?? '') as { seq: number }).seq;
    write(1, lines.toSpliced(3, 1));
    expect((await verify()).faults).toEqual([
      { file: files()[1], line: 4, message: `line ${seq} is missing before this one` },
    ]);
    write(1, lines.toSpliced(3, 0, lines[3] ?? ''));
    expect((await verify()).faults).toEqual([
      { file: files()[1], line: 5, message: expect.stringContaining('out of its order') },
    ]);
    write(1, lines.toSpliced(3, 0, '{"text":"mine"}'));
    expect((await verify()).faults).toEqual([
      { file: files()[1], line: 4, message: expect.stringContaining('not a line of an audit trail') },
    ]);
    write(1, lines.toSpliced(3, 2, lines[4] ?? '', lines[3] ?? ''));
    expect((await verify()).faults.map(({ line }) => line)).toEqual([4, 5]);
  });

  it('shows a removed file: in the middle, at the beginning, at the end, all of them', async () => {
    await fill(60);
    const all = files();
    const contents = all.map((name) => readFileSync(join(directory, name)));
    const restore = () => {
      for (const [at, name] of all.entries()) writeFileSync(join(directory, name), contents[at] ?? '');
    };
    const without = async (...names: (string | undefined)[]) => {
      for (const name of names) unlinkSync(join(directory, name ?? ''));
      const { faults } = await verify();
      restore();
      return faults;
    };
    expect(await without(all[2])).toEqual([
      { file: all[3], line: 0, message: expect.stringContaining('a file was removed') },
    ]);
    expect(await without(all[0])).toEqual([
      { file: all[1], line: 0, message: expect.stringContaining('older files were removed') },
    ]);
    expect(await without(all.at(-1))).toEqual([
      { file: all.at(-2), line: 0, message: expect.stringContaining('missing at the end') },
    ]);
    expect(await verify()).toMatchObject({ ok: true });
    for (const name of all) unlinkSync(join(directory, name));
    expect((await verify()).ok).toBe(false);
    // Also when the node went on meanwhile.
    await fill(3);
    expect((await verify()).ok).toBe(false);
  });

  it('shows lines that were cut off at the end, also when the node has gone on since', async () => {
    await fill(10, { fileBytesMax: 1_000_000 });
    write(0, linesOf(0).slice(0, -2));
    expect((await verify()).faults).toEqual([
      { file: files()[0], line: 0, message: 'lines 10 to 11 are missing at the end' },
    ]);
    await fill(3, { fileBytesMax: 1_000_000 });
    expect((await verify()).faults).toEqual([
      { file: files()[0], line: 10, message: 'lines 10 to 11 are missing before this one' },
    ]);
  });

  it('shows a head that was damaged, which would hide that lines are missing at the end', async () => {
    await fill(10);
    const head = join(directory, 'audit.head');
    for (const text of ['', '{"seq":', '{"seq":"10","mac":""}']) {
      writeFileSync(head, text);
      expect(await verify()).toMatchObject({ ok: false, faults: [{ file: 'audit.head', line: 0 }] });
    }
    await fill(1);
    expect((await verify()).ok).toBe(true);
    unlinkSync(head);
    expect(await verify()).toMatchObject({ ok: true, notes: [{ file: 'audit.head' }] });
  });

  it('tells a line torn by a crash from a changed one', async () => {
    await fill(5, { fileBytesMax: 1_000_000 });
    appendFileSync(path(0), '{"seq":7,"time":"2026-01-01T00');
    expect(await verify()).toMatchObject({ ok: true, notes: [{ line: 7 }] });
    await fill(3, { fileBytesMax: 1_000_000 });
    expect(await verify()).toMatchObject({
      ok: true,
      notes: [{ line: 7, message: expect.stringContaining('a crash cut this line') }],
    });
    write(0, linesOf(0).with(6, '{"seq":7,"time":"2026-01-01T01'));
    expect(await verify()).toMatchObject({ ok: false, faults: [{ line: 7 }] });
    // A torn end does not hide that whole lines went with it.
    truncateSync(path(0), readFileSync(path(0)).length - 300);
    expect((await verify()).faults.at(-1)?.message).toContain('missing at the end');
  });

  it('removes the oldest files in turn, which is in order', async () => {
    await fill(120, { filesMax: 3 });
    expect(files().length).toBeLessThanOrEqual(3);
    expect(await verify()).toMatchObject({
      ok: true,
      notes: [{ message: expect.stringContaining('removed by rotation') }],
    });
    unlinkSync(path(0));
    expect((await verify()).ok).toBe(false);
  });

  it('is searched from its end, over all files', async () => {
    await fill(60);
    const texts = async (filter: object, most: number) =>
      (await searchTrail(directory, filter, most)).lines.map((line) => JSON.parse(line).text);
    expect(await texts({ token: 'tok_0' }, 2)).toEqual(['line 54', 'line 57']);
    expect(await texts({ text: 'LINE 1' }, 100)).toHaveLength(11);
    expect(await texts({ kind: 'request' }, 1000)).toHaveLength(60);
    expect(await texts({ since: '2999-01-01' }, 10)).toEqual([]);
    expect(await texts({ until: '2000-01-01' }, 10)).toEqual([]);
  });

  it('keeps lines that could not be written, and writes them when it can', async () => {
    writeFileSync(directory, 'a file stands in its place');
    const trail = await open({ fileBytesMax: 1e6 });
    for (let i = 0; i < 500; i++) trail.add({ kind: 'request', text: `line ${i}` });
    await trail.settled();
    rmSync(directory);
    await until('all is written', () => files().length > 0 && linesOf(-1).at(-1)?.includes('line 499'));
    await trail.close();
    const { lines: found } = await searchTrail(directory, { kind: 'request' }, 1000);
    expect(found.map((line) => JSON.parse(line).text)).toEqual(
      Array.from({ length: 500 }, (_, i) => `line ${i}`),
    );
    expect(await verify()).toMatchObject({ ok: true, notes: [] });
  });

  it('hides tokens, wherever they stand in a line', async () => {
    const trail = await open();
    const token = `skein_${'aB3'.repeat(14)}x`;
    trail.add({ kind: 'request', path: `/v1/${token}`, statements: [{ sql: `SELECT '${token}'` }] });
    await trail.close();
    expect(linesOf(0).at(-1)).toContain('"/v1/skein_(hidden)"');
    expect(readFileSync(path(0), 'utf8')).not.toContain('aB3');
    expect((await verify()).ok).toBe(true);
  });

  it('never throws or waits, and says how many lines it had no room for', async () => {
    writeFileSync(directory, 'a file stands in its place');
    const trail = await open({ fileBytesMax: 50e6 });
    for (let i = 0; i < 30_000; i++) trail.add({ kind: 'request' });
    await trail.settled();
    rmSync(directory);
    trail.add({ kind: 'request' });
    await trail.close();
    expect(await verify()).toMatchObject({ ok: true, lines: 20_002, notes: [{ line: 2 }] });
    expect(JSON.parse(linesOf(0)[1] ?? '')).toMatchObject({ kind: 'lost', lines: 10_001 });
  });
});

describe('maskLiterals', () => {
  it.each([
    [
      `INSERT INTO t1 VALUES (1, -2.5e3, .5, 0xFF, 'it''s', "a\\"b", NULL)`,
      'INSERT INTO t1 VALUES (?, -?, ?, ?, ?, ?, NULL)',
    ],
    ['SELECT `a1`, b2, c.d3 FROM `x``9` WHERE e=4', 'SELECT `a1`, b2, c.d3 FROM `x``9` WHERE e=?'],
    ["SET PASSWORD = PASSWORD('secret')", 'SET PASSWORD = PASSWORD(?)'],
    ["SELECT 1 /* pw 'x' */ -- 'y'\n, 2 # z", 'SELECT ? /*?*/ -- ?\n, ? -- ?'],
    ["SELECT 'never closed", 'SELECT ?'],
    ["SELECT X'41', b'01', N'n'", 'SELECT X?, b?, N?'],
  ])('%s', (sql, masked) => {
    expect(maskLiterals(sql)).toBe(masked);
  });

  it('takes long texts, and cuts them', () => {
    const masked = maskLiterals(`SELECT '${'x'.repeat(5_000_000)}'`);
    expect(masked).toBe('SELECT ?');
    expect(maskLiterals(`SELECT ${'a,'.repeat(10_000)}b`).length).toBeLessThan(10_100);
  });
});

it('statementFields keeps what the style says', () => {
  const body = { sql: "SELECT 'x', ?", params: ['secret'] };
  const masked = { statements: 'masked', parameters: false } as const;
  expect(statementFields(body, masked)).toEqual({ statements: [{ sql: 'SELECT ?, ?', params: 1 }] });
  expect(statementFields(body, { statements: 'full', parameters: true })).toEqual({
    statements: [{ sql: "SELECT 'x', ?", params: ['secret'] }],
  });
  expect(statementFields({ statements: [body, body] }, { statements: 'none', parameters: false })).toEqual({
    statementCount: 2,
    statements: [{ params: 1 }, { params: 1 }],
  });
  expect(statementFields({ name: 'n' }, masked)).toEqual({});
  expect(statementFields('no body', masked)).toEqual({});
});
