import { describe, expect, it } from 'vitest';
import { wantsGzip, wantsLines } from './accept.js';

describe('Accept: lines or one JSON text', () => {
  it.each([
    [undefined, false],
    ['', false],
    ['*/*', false],
    ['application/*', false],
    ['application/json', false],
    ['application/x-ndjson', true],
    ['Application/X-NDJSON ; q=1.0', true],
    ['application/x-ndjson;q=0', false],
    ['application/x-ndjson; q=0.000', false],
    ['application/x-ndjson;charset=utf-8;q=0.5', true],
    ['application/json, application/x-ndjson', true],
    ['application/x-ndjson;q=0.5, application/json', false],
    ['application/x-ndjson;q=0.5, application/json;q=0.4', true],
    ['application/x-ndjson;q=0.5, */*', false],
    ['application/x-ndjson, */*;q=0.1', true],
    ['application/x-ndjson;q=0.5, application/*;q=0.2, */*', true],
    ['application/x-ndjson;q=2', false],
    ['application/x-ndjson;q=-1', false],
    ['application/x-ndjson-more', false],
    [',,;,', false],
  ])('%s: %s', (accept, lines) => {
    expect(wantsLines(accept)).toBe(lines);
  });
});

describe('Accept-Encoding: gzip or not', () => {
  it.each([
    [undefined, false],
    ['', false],
    ['identity', false],
    ['gzip', true],
    ['GZIP', true],
    ['x-gzip', true],
    ['gzip, deflate, br', true],
    ['deflate, br', false],
    ['*', true],
    ['*;q=0', false],
    ['gzip;q=0, *', false],
    ['gzip;q=0.5, identity', false],
    ['gzip;q=0.5, identity;q=0.5', true],
    ['identity;q=0, gzip;q=0.1', true],
    ['gzip;q=0.1x', false],
  ])('%s: %s', (header, gzip) => {
    expect(wantsGzip(header)).toBe(gzip);
  });
});
