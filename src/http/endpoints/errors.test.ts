import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ENDPOINTS } from './all.js';
import { ERRORS, errorsOf } from './errors.js';

const http = join(import.meta.dirname, '..');
const thrown = readdirSync(http, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
  .flatMap((file) =>
    [...readFileSync(join(http, file), 'utf8').matchAll(/new ApiError\(\s*(\d+),\s*'([A-Z_]+)'/g)].map(
      ([, status, code]) => ({ file, status: Number(status), code: code ?? '' }),
    ),
  );

describe('error codes', () => {
  it('are all in the catalogue, with the status that they are sent with', () => {
    expect(thrown.length).toBeGreaterThan(30);
    const known: Record<string, { status: readonly number[] }> = ERRORS;
    // What ends a stream whose client has gone is told to nobody.
    const unknown = thrown.filter(
      ({ code, status }) => code !== 'CLIENT_GONE' && !known[code]?.status.includes(status),
    );
    expect(unknown).toEqual([]);
  });

  it('follow from a definition where they can', () => {
    expect(errorsOf(ENDPOINTS.getHealth)).not.toContain('UNAUTHORIZED');
    expect(errorsOf(ENDPOINTS.getCluster)).not.toContain('FORBIDDEN');
    expect(errorsOf(ENDPOINTS.deleteToken)).toEqual(
      expect.arrayContaining(['UNAUTHORIZED', 'FORBIDDEN', 'NOT_FOUND', 'NOT_PRIMARY']),
    );
    expect(errorsOf(ENDPOINTS.postSql)).toEqual(expect.arrayContaining(['INVALID_JSON', 'ER_*']));
  });
});
