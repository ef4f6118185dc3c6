import { describe, expect, it } from 'vitest';
import { withEvent } from './events.js';
import { afterNewest, isPoll, withLines } from './lines.js';
import { valueText } from './sql-result.js';
import { bytes, clock, duration, shortened } from './text.js';

describe('a line', () => {
  const log = (fields: object) => withLines([], [JSON.stringify(fields)], 'log')[0];
  const audit = (fields: object) => withLines([], [JSON.stringify(fields)], 'audit')[0];

  it('of the log says at once what it is about', () => {
    const time = '2026-11-28T10:00:01.234Z';
    const request = { method: 'GET', path: '/v1/x', status: 200, requestId: 'r', role: 'read' };
    expect(log({ time, level: 'warn', node: 'n1', part: 'http', msg: 'request', ...request })).toMatchObject({
      time: '10:00:01.234',
      level: 'warn',
      part: 'http',
      text: 'GET /v1/x 200',
      data: 'role=read',
    });
    expect(log({ msg: 'cluster event', event: 'link.up', subject: 'n2', reason: 'attached' })?.text).toBe(
      'link.up n2: attached',
    );
    expect(log({ msg: 'plain', a: { b: 1 } })).toMatchObject({ text: 'plain', data: 'a={"b":1}' });
  });

  it('of the audit trail has the statements as they were said', () => {
    const statements = [{ sql: 'INSERT INTO t VALUES (?)', params: 1 }];
    expect(
      audit({
        seq: 7,
        mac: 'x',
        kind: 'request',
        method: 'POST',
        path: '/v1/sql',
        outcome: 'ok',
        statements,
      }),
    ).toMatchObject({
      part: 'request',
      level: 'info',
      text: 'POST /v1/sql · ok · INSERT INTO t VALUES (?)',
      data: '',
    });
    expect(audit({ kind: 'request', outcome: 'FORBIDDEN' })?.level).toBe('warn');
    expect(audit({ kind: 'request', statements: 'odd' })?.data).toBe('statements=odd');
  });

  it('that is no JSON, or odd JSON, is shown as it is', () => {
    for (const raw of ['<b>no</b>', 'null', '7', '"text"'])
      expect(withLines([], [raw], 'log')[0]?.text).toBe(raw);
  });

  it('is there once when a feed begins again', () => {
    const lines = withLines([], ['a', 'b', 'c'], 'log');
    expect(afterNewest(lines, ['b', 'c', 'd'])).toEqual(['d']);
    expect(afterNewest(lines, ['x', 'y'])).toEqual(['x', 'y']);
    expect(afterNewest([], ['x'])).toEqual(['x']);
    const more = withLines(lines, ['d'], 'log');
    expect(new Set(more.map(({ key }) => key)).size).toBe(4);
  });

  it('of an open page that looks is told from a refused one', () => {
    const poll = { kind: 'request', method: 'GET', path: '/v1/cluster', outcome: 'ok' };
    const of = (fields: object) => withLines([], [JSON.stringify(fields)], 'audit').map(isPoll);
    expect(of(poll)).toEqual([true]);
    expect(of({ ...poll, outcome: 'UNAUTHORIZED' })).toEqual([false]);
    expect(of({ ...poll, path: '/v1/tokens' })).toEqual([false]);
  });

  it('goes when there are too many', () => {
    const many = Array.from({ length: 2500 }, (_, at) => String(at));
    const lines = withLines([], many, 'log');
    expect([lines.length, lines.at(-1)?.raw]).toEqual([2000, '2499']);
  });
});

it('events are the newest first, and bad news look so', () => {
  const event = (id: string, name: string) => ({
    id,
    event: name,
    data: { at: '2026-11-28T10:00:01.000Z', subject: 'n2', reason: 'why' },
  });
  const lines = withEvent(withEvent([], event('1', 'link.up')), event('2', 'link.down'));
  expect(lines).toEqual([
    { id: '2', time: '10:00:01', event: 'link.down', text: 'n2: why', tone: 'bad' },
    { id: '1', time: '10:00:01', event: 'link.up', text: 'n2: why', tone: 'good' },
  ]);
});

it('has values of every kind as text', () => {
  const shown = (type: string, value: unknown) =>
    valueText(value, { name: 'c', type, nullable: true } as never);
  expect(shown('blob', 'AP8Q')).toBe('0x00ff10');
  expect(shown('blob', '')).toBe('(no bytes)');
  expect(shown('blob', btoa('x'.repeat(100)))).toMatch(/^0x(78){64} \.\.\. \(100 bytes\)$/);
  expect(shown('json', { a: [1] })).toBe('{"a":[1]}');
  expect(shown('text', null)).toBe(null);
  expect(shown('text', 'NULL')).toBe('NULL');
});

it('numbers and times are short', () => {
  expect([0, 999, 1234, 12_345, 61_000, 7_200_000, 200_000_000].map(duration)).toEqual([
    '0 ms',
    '999 ms',
    '1.2 s',
    '12 s',
    '1 min',
    '2 h',
    '2 d',
  ]);
  expect([7, 1500, 123_456_789].map(bytes)).toEqual(['7 B', '1.5 kB', '123 MB']);
  expect(clock('2026-11-28T10:00:01.234Z')).toBe('10:00:01');
  expect(clock(7)).toBe('');
  expect(shortened('a-very-long-name-of-a-node', 11)).toBe('a-ver…-node');
  expect(shortened('short', 11)).toBe('short');
});
