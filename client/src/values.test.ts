import { describe, expect, it } from 'vitest';
import { mainResult } from './results.js';
import { request } from './transport.js';
import { encodeStatement, json, type Parameter } from './values.js';

const encode = (value: unknown) => (encodeStatement('?', [value as Parameter]).params as unknown[])[0];
const REFUSED = expect.objectContaining({ name: 'SkeinError', code: 'INVALID_PARAMETER', applied: 'no' });

describe('parameters', () => {
  const bytes = new Uint8Array([1, 2, 255]);
  const floats = new Float32Array([1.5]);

  it.each<[string, unknown, unknown]>([
    ['null', null, null],
    ['a bigint', 1n << 63n, { $type: 'bigint', value: '9223372036854775808' }],
    ['a Date', new Date(1e12), { $type: 'datetime', value: '2001-09-09T01:46:40.000Z' }],
    ['a Uint8Array', new Uint8Array([0, 255]), { $type: 'blob', value: 'AP8=' }],
    ['a Buffer', Buffer.from([0, 255]), { $type: 'blob', value: 'AP8=' }],
    ['an ArrayBuffer', bytes.buffer, { $type: 'blob', value: 'AQL/' }],
    ['a DataView of a part', new DataView(bytes.buffer, 1, 1), { $type: 'blob', value: 'Ag==' }],
    ['a Float32Array', floats, { $type: 'blob', value: Buffer.from(floats.buffer).toString('base64') }],
    ['a text', 'é😀', 'é😀'],
    ['a number', 1.5, 1.5],
    ['a boolean', true, true],
    ['an object', { a: [1, null, { b: 'x' }], c: undefined }, '{"a":[1,null,{"b":"x"}]}'],
    ['a bigint in JSON', { id: 12345678901234567890n }, '{"id":12345678901234567890}'],
    ['a Date in JSON', { at: new Date(0) }, '{"at":"1970-01-01T00:00:00.000Z"}'],
    ['a JSON array', json([1, 2n, '"']), '[1,2,"\\""]'],
    ['JSON null', json(null), 'null'],
    ['what has toJSON', new URL('http://a/'), 'http://a/'],
    ['a tagged decimal', { $type: 'decimal', value: '1.10' }, { $type: 'decimal', value: '1.10' }],
    ['a tagged bigint', { $type: 'bigint', value: 5n }, { $type: 'bigint', value: '5' }],
    ['an object without prototype', Object.assign(Object.create(null), { a: 1 }), '{"a":1}'],
  ])('%s', (_what, value, expected) => expect(encode(value)).toEqual(expected));

  it('large bytes', () => {
    const large = new Uint8Array(100_000).fill(7);
    expect(encode(large)).toEqual({ $type: 'blob', value: Buffer.from(large).toString('base64') });
  });

  const circle: Record<string, unknown> = {};
  circle.self = circle;
  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['NaN', Number.NaN],
    ['Infinity', Number.POSITIVE_INFINITY],
    ['a Date that is none', new Date(Number.NaN)],
    ['a Date of the year 10000', new Date(253_402_300_800_000)],
    ['a function', () => 1],
    ['a symbol', Symbol('x')],
    ['an array', [1, 2, 3]],
    ['a Map', new Map([[1, 2]])],
    ['a Set', new Set([1])],
    ['a Blob', new Blob(['x'])],
    ['a RegExp', /x/],
    ['a Promise', Promise.resolve(1)],
    ['an object of a class', new (class Money {})()],
    ['a Map in JSON', { m: new Map() }],
    ['bytes in JSON', { b: new Uint8Array(1) }],
    ['NaN in JSON', { n: Number.NaN }],
    ['undefined in a JSON array', json([undefined])],
    ['a circle', circle],
    ['half of a surrogate pair', '\ud800'],
    ['half of one in JSON', { a: '\udc00x' }],
    ['half of one as a name in JSON', { '\ud800': 1 }],
  ])('%s is refused before anything is sent', (_what, value) => {
    expect(() => encode(value)).toThrow(REFUSED);
  });

  it('by name', () => {
    expect(encodeStatement('SELECT :a', { a: 1n })).toEqual({
      sql: 'SELECT :a',
      params: { a: { $type: 'bigint', value: '1' } },
    });
    expect(() => encodeStatement('SELECT :a', { a: [] as never })).toThrow(/Parameter :a/);
    expect(() => encodeStatement("SELECT '\ud800'")).toThrow(REFUSED);
  });
});

it('a request that cannot be written is not sent, and nothing of it was done', async () => {
  const never = () => {
    throw new Error('it was sent');
  };
  const outgoing = {
    method: 'POST',
    path: '/',
    token: 't',
    signal: new AbortController().signal,
    lostApplied: 'unknown',
  } as const;
  for (const wrong of [{ body: { n: 1n } }, { headers: { 'idempotency-key': 'a\nb' } }]) {
    await expect(request(never, 'http://a', { ...outgoing, ...wrong })).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
      applied: 'no',
      retryable: false,
    });
  }
});

it('a procedure gives the rows of its result sets, and the counts of its end', () => {
  const column = { name: 'a', type: 'int', nullable: false } as const;
  const counts = { affectedRows: 0, insertId: null, warnings: 0, durationMs: 1 };
  const set = (value: number) => ({ columns: [column], rows: [{ a: value }], rowCount: 1, ...counts });
  const end = { columns: [], rows: [], rowCount: 0, ...counts, affectedRows: 3, warnings: 1 };
  expect(mainResult([set(1), set(2), end])).toMatchObject({
    rows: [{ a: 1 }],
    rowCount: 1,
    affectedRows: 3,
    warnings: 1,
    resultSets: [{ rows: [{ a: 1 }] }, { rows: [{ a: 2 }] }],
  });
  expect(mainResult([end])).toMatchObject({ rows: [], affectedRows: 3, resultSets: [] });
});
