import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cpuTimeMs } from '../../test/kit/cpu-time.js';
import { ApiError } from '../api/api-error.js';
import { findInexactNumber, parseExactJson } from './exact-json.js';

const codeOf = (work: () => unknown): string | null => {
  try {
    work();
    return null;
  } catch (error) {
    if (error instanceof ApiError && error.status === 400) return error.code;
    throw error;
  }
};

describe('numbers', () => {
  it.each([
    '1e999',
    '-1e999',
    '1e-400',
    '9007199254740993',
    '0.1000000000000000055511151231257827',
    '123456789012345678901234567890',
    '0.12345678901234567890',
    '1.7976931348623159e308',
    '{"a":[1,{"b":1e400}]}',
    '{"a":"\\\\","b":1e999}',
    '{"a\\"":"\\\\\\"","b":1e999}',
  ])('refuses %s, which a double cannot carry', (text) => {
    expect(codeOf(() => parseExactJson(text))).toBe('INEXACT_NUMBER');
  });

  it.each([
    '0',
    '-0',
    '-0.0e5',
    '0e99999999999',
    '0.1',
    '0.10000000000000000000',
    '1.0',
    '1e2',
    '1E+2',
    '1e300',
    '5e-324',
    '1.7976931348623157e308',
    '9007199254740992',
    '100000000000000000000',
    '"1e999"',
    '{"1e999":"9007199254740993","\\"1e999":"\\\\"}',
  ])('takes %s as it is', (text) => {
    expect(parseExactJson(text)).toEqual(JSON.parse(text));
  });

  it('takes everything that JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.double({ noNaN: true, noDefaultInfinity: true }), (value, number) => {
        expect(findInexactNumber(JSON.stringify([value, number]))).toBeNull();
      }),
    );
  });

  it.each([
    [2n ** 70n, true],
    [2n ** 70n + 1n, false],
    [10n ** 23n, true],
    [10n ** 23n + 1n, false],
  ])('of the whole number %s says %s', (n, exact) => {
    expect(findInexactNumber(`[${n}]`) === null).toBe(exact);
  });

  it('takes a long whole number only when its double has that value', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 2n ** 54n, max: 2n ** 63n }), (n) => {
        const double = Number(n);
        const exact = BigInt(double) === n || String(double) === String(n);
        expect(findInexactNumber(`[${n}]`) === null).toBe(exact);
        expect(findInexactNumber(`[${BigInt(Number(n))}]`)).toBeNull();
      }),
    );
  });

  it('knows each number of few digits, however it is written', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10 ** 14 }),
        fc.integer({ min: -300, max: 290 }),
        (digits, exponent) => {
          for (const text of [
            `${digits}e${exponent}`,
            `${digits}.000E${exponent}`,
            `-${digits}.0000000000e+0`,
          ]) {
            expect(findInexactNumber(`[${text}]`)).toBeNull();
          }
        },
      ),
    );
  });

  it('is quick on a quarter of a million numbers', () => {
    const numbers = Array.from({ length: 250_000 }, (_, i) => (i % 2 ? 1 / (i + 3) : i * 1e-7));
    const text = JSON.stringify(numbers);
    expect(cpuTimeMs(() => expect(findInexactNumber(text)).toBeNull())).toBeLessThan(5_000);
  });

  it('looks at a large body once', () => {
    const text = JSON.stringify(Array.from({ length: 200_000 }, () => '4E"\\\\\\"1e999\\'));
    expect(cpuTimeMs(() => expect(findInexactNumber(text)).toBeNull())).toBeLessThan(5_000);
  });
});

describe('texts', () => {
  it.each(['"\\ud800"', '"\\uDC00x"', '{"a":["\\udfff\\ud800"]}', '{"\\ud800":1}', '"\\\\\\ud83d"'])(
    'refuses half of a surrogate pair in %s',
    (text) => expect(codeOf(() => parseExactJson(text))).toBe('INVALID_JSON'),
  );

  it.each(['"\\ud83d\\ude00"', '"\\\\ud800"', '"😀"'])('takes %s', (text) =>
    expect(parseExactJson(text)).toBe(JSON.parse(text)),
  );

  it('refuses a lone surrogate at any depth', () => {
    const depth = 50_000;
    const text = `${'['.repeat(depth)}"\\ud800"${']'.repeat(depth)}`;
    expect(codeOf(() => parseExactJson(text))).toBe('INVALID_JSON');
  });

  it('refuses what is not JSON', () => {
    expect(codeOf(() => parseExactJson('{'))).toBe('INVALID_JSON');
  });
});
