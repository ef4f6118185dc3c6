import { describe, expect, it } from 'vitest';
import { meaningOf } from './execute-once.js';
import { planSql, type SqlRequest } from './request.js';

const meaning = (body: SqlRequest) => JSON.stringify(meaningOf(planSql(body, undefined)));

describe('requests with one idempotency key', () => {
  it.each<[string, SqlRequest, SqlRequest]>([
    ['no parameters', { sql: 'DO 1' }, { sql: 'DO 1', params: [] }],
    ['defaults', { sql: 'DO 1' }, { sql: 'DO 1', rows: 'array', bigint: 'string', timeoutMs: 5 }],
    ['names', { sql: 'DO ?', params: [1] }, { sql: 'DO :a', params: { a: 1 } }],
    ['a tag', { sql: 'DO ?', params: [1] }, { sql: 'DO ?', params: [{ $type: 'bigint', value: '1' }] }],
    ['a text', { statements: ['DO 1'] }, { statements: [{ sql: 'DO 1', params: [] }] }],
  ])('%s spelled in two ways mean the same', (_what, one, other) => {
    expect(meaning(one)).toBe(meaning(other));
  });

  it.each<[string, SqlRequest, SqlRequest]>([
    ['parameters', { sql: 'DO ?', params: [1] }, { sql: 'DO ?', params: ['1'] }],
    ['-0 and 0', { sql: 'DO ?', params: [-0] }, { sql: 'DO ?', params: [0] }],
    ['databases', { sql: 'DO 1' }, { sql: 'DO 1', database: 'd' }],
    ['rows', { sql: 'DO 1' }, { sql: 'DO 1', rows: 'object' }],
    ['results', { sql: 'DO 1' }, { statements: ['DO 1'] }],
    ['bytes', { sql: 'DO ?', params: [{ $type: 'blob', value: 'AA==' }] }, { sql: 'DO ?', params: ['AA=='] }],
  ])('other %s mean something else', (_what, one, other) => {
    expect(meaning(one)).not.toBe(meaning(other));
  });
});
