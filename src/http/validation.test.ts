import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ApiError, type ErrorContext, toApiError } from '../api/api-error.js';
import { mariadb } from '../flavour/mariadb/mariadb.js';
import { ServerError } from '../mysql-client/replies.js';
import { planSql, type SqlRequest } from '../sql/request.js';
import { getReplica } from './endpoints/health.js';
import { postSql } from './endpoints/sql.js';
import { coercedQuery } from './query-values.js';
import { bodyValidator } from './validation.js';

const validate = bodyValidator(postSql);
const context: ErrorContext = {
  ...{ tokenRole: 'write', primaryHttp: null, isPrimary: true, errors: mariadb.errors },
};

/** The code that a body is refused with, or the plan. */
function judge(body: unknown, header?: string): string | object {
  try {
    validate?.(body);
    return planSql(body as SqlRequest, header);
  } catch (error) {
    const failure = toApiError(error, context);
    expect(failure.status).toBe(400);
    return failure.code;
  }
}

describe('the body of POST /v1/sql', () => {
  it.each([
    [{ sql: 'SELECT 1', statements: [{ sql: 'SELECT 1' }] }, 'INVALID_FIELD'],
    [{ statements: [] }, 'INVALID_FIELD'],
    [{ statements: [{ sql: 'SELECT 1', parms: [] }] }, 'UNKNOWN_FIELD'],
    [{ statements: [{ sql: 'SELECT 1' }], params: [1] }, 'INVALID_FIELD'],
    [{ sql: 'SELECT 1', read: { level: 'exact' } }, 'INVALID_FIELD'],
    [{ sql: 'SELECT 1', read: { level: 'bounded', maxLagMs: -1 } }, 'INVALID_FIELD'],
    [{ sql: 'SELECT 1', read: { level: 'session' } }, 'INVALID_FIELD'],
    [{ sql: 'SELECT 1', read: { level: 'local', after: '1.1.0-1-1' } }, 'INVALID_FIELD'],
    [{ sql: 'SELECT 1', timeoutMs: 0 }, 'INVALID_FIELD'],
    [{ sql: 'SELECT 1', rows: 'csv' }, 'INVALID_FIELD'],
  ])('%j is %s', (body, code) => expect(judge(body)).toBe(code));

  it('names the field and what is expected', () => {
    expect(() => validate?.({ sql: 'SELECT 1', read: { level: 'x' } })).toThrow('"read.level"');
    expect(() => validate?.({ sql: 'SELECT 1', rows: 1 })).toThrow('one of array, object');
  });

  it('takes the position from the header, and the body’s before it', () => {
    expect(judge({ sql: 'SELECT 1' }, '2.7.0-1000002-7')).toMatchObject({ after: { epoch: 2, ordinal: 7 } });
    expect(judge({ sql: 'SELECT 1', read: { after: '1.1.0-1-1' } }, '2.7.0-1-7')).toMatchObject({
      after: { epoch: 1 },
    });
    expect(judge({ sql: 'SELECT 1', read: { level: 'local' } }, '2.7.0-1-7')).toMatchObject({ after: null });
  });

  it('any JSON is a plan or a 400, never anything else', () => {
    const keys = fc.constantFrom(
      'sql',
      'params',
      'statements',
      'transaction',
      'read',
      'write',
      'rows',
      'timeoutMs',
      'database',
      'x',
      '__proto__',
      'constructor',
    );
    const body = fc.oneof(
      fc.jsonValue(),
      fc.dictionary(keys, fc.jsonValue()),
      fc.record(
        { sql: fc.string(), read: fc.jsonValue(), params: fc.array(fc.jsonValue()) },
        { requiredKeys: [] },
      ),
    );
    fc.assert(
      fc.property(body, fc.option(fc.string(), { nil: undefined }), (value, header) => {
        const parsed: unknown = JSON.parse(JSON.stringify(value));
        expect(['string', 'object']).toContain(typeof judge(parsed, header));
      }),
      { numRuns: 500 },
    );
  });
});

describe('query strings', () => {
  it('become numbers where the schema says so, and nothing else', () => {
    expect(coercedQuery({ maxLagMs: '5', other: '5' }, getReplica.query)).toEqual({
      maxLagMs: 5,
      other: '5',
    });
    expect(coercedQuery({ maxLagMs: '5x' }, getReplica.query)).toEqual({ maxLagMs: '5x' });
    expect(coercedQuery({ constructor: '5' }, getReplica.query)).toEqual({ constructor: '5' });
  });
});

describe('ApiError', () => {
  it('always says whether it was applied, and can be sent again', () => {
    expect(new ApiError(400, 'INVALID_FIELD', 'y').toBody('r')).toEqual({
      error: { code: 'INVALID_FIELD', message: 'y', retryable: false, applied: 'no', requestId: 'r' },
    });
  });

  it('a write that a server refuses because it is no primary’s is not for want of a right', () => {
    const denied = new ServerError(
      1142,
      '42000',
      "INSERT command denied to user 'w'@'localhost' for table `d`.`t`",
    );
    const code = (more: object) => toApiError(denied, { ...context, ...more }).code;
    expect(code({})).toBe('FORBIDDEN');
    expect(code({ isPrimary: false })).toBe('NOT_PRIMARY');
    // A replica that is becoming the primary.
    expect(code({ isOpen: false })).toBe('NOT_OPEN');
    expect(code({ isPrimary: false, isOpen: false })).toBe('NOT_PRIMARY');
    expect(code({ isOpen: false, tokenRole: 'read' })).toBe('FORBIDDEN');
  });

  it('a session that the node has ended is no fault of the request', () => {
    const killed = new ServerError(1927, '70100', 'Connection was killed');
    expect(toApiError(killed, context)).toMatchObject({
      status: 503,
      code: 'ER_CONNECTION_KILLED',
      details: { retryable: true },
    });
  });

  it('a damaged table of a replica is no fault of the request: another node can answer', () => {
    const damaged = new ServerError(1877, 'HY000', 'Table `d`.`t` is corrupted.');
    const answer = (isPrimary: boolean) => toApiError(damaged, { ...context, isPrimary });
    expect(answer(false)).toMatchObject({
      status: 503,
      code: 'ER_TABLE_CORRUPT',
      details: { retryable: true },
    });
    expect(answer(true)).toMatchObject({ status: 400, code: 'ER_TABLE_CORRUPT' });
  });

  it('hides what is not known behind a 500', () => {
    expect(toApiError(new Error('secret'), context)).toMatchObject({
      status: 500,
      code: 'INTERNAL',
      details: { applied: 'unknown' },
    });
    expect(toApiError(new Error('secret'), context).message).not.toContain('secret');
  });
});
