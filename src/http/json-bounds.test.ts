import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cpuTimeMs } from '../../test/kit/cpu-time.js';
import { HTTP_CONSTANTS } from '../config/http-limits.js';
import { JsonBounds, type JsonLimits } from './json-bounds.js';

const LIMITS: JsonLimits = { depthMax: 3, valuesMax: 6, keysMax: 2 };

function check(text: string, limits = LIMITS, size = text.length + 1) {
  const bounds = new JsonBounds(limits);
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) {
    const excess = bounds.push(bytes.subarray(at, at + size));
    if (excess !== null) return excess;
  }
  return null;
}

describe('what JSON.parse may be given', () => {
  it.each([
    ['{"a":[[1]]}', null],
    ['{"a":[[[1]]]}', 'depth'],
    ['[1,2,3,4,5,6]', 'values'],
    ['[1,2,3,4]', null],
    ['{"a":1,"b":2,"c":3}', 'keys'],
    [String.raw`["[[[[,,,,,,,,::::{{{{\"[[[["]`, null],
    [String.raw`["\\",[[[1]]]]`, 'depth'],
    ['', null],
    ['"', null],
    [']]]]]]', null],
  ] as const)('%s: %s', (text, excess) => {
    expect(check(text)).toBe(excess);
    for (const size of [1, 2, 3]) expect(check(text, LIMITS, size)).toBe(excess);
  });

  it('counts what JSON.parse finds, wherever the bytes are cut', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), fc.integer({ min: 1, max: 7 }), (value, size) => {
        const text = JSON.stringify(value);
        const depthMax = depthOf(JSON.parse(text));
        const limits = { depthMax, valuesMax: Number.POSITIVE_INFINITY, keysMax: keysOf(JSON.parse(text)) };
        expect(check(text, limits, size)).toBe(null);
        if (depthMax > 0) expect(check(text, { ...limits, depthMax: depthMax - 1 }, size)).toBe('depth');
        if (limits.keysMax > 0) {
          expect(check(text, { ...limits, keysMax: limits.keysMax - 1 }, size)).toBe('keys');
        }
      }),
    );
  });

  it('is found in time that grows with the length alone', () => {
    const { jsonDepthMax: depthMax, jsonValuesMax: valuesMax, jsonKeysMax: keysMax } = HTTP_CONSTANTS;
    const limits = { depthMax, valuesMax, keysMax };
    for (const unit of ['[', '"', '\\"', '{"a":', ',', '\\', ' ']) {
      const text = unit.repeat(1_000_000);
      expect(
        cpuTimeMs(() => void check(text, limits, 64 * 1024)),
        unit,
      ).toBeLessThan(2000);
    }
  });
});

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

function keysOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const inner = Object.values(value).reduce((sum: number, each) => sum + keysOf(each), 0);
  return inner + (Array.isArray(value) ? 0 : Object.keys(value).length);
}
