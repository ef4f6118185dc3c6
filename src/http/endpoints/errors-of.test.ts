import { describe, expect, it } from 'vitest';
import { ApiError } from '../../api/api-error.js';
import { ENDPOINTS } from './all.js';
import { errorsOf } from './errors-of.js';

describe('error codes', () => {
  it('are of the catalogue, with a status that it has for them, or do not compile', () => {
    const errors = [
      new ApiError(403, 'FORBIDDEN', ''),
      new ApiError(409, 'ER_DUP_ENTRY', ''),
      // @ts-expect-error: not a status of this code
      new ApiError(409, 'FORBIDDEN', ''),
      // @ts-expect-error: not a status of the server's own errors
      new ApiError(500, 'ER_DUP_ENTRY', ''),
      // @ts-expect-error: not in the catalogue
      new ApiError(400, 'NO_SUCH_CODE', ''),
    ];
    expect(errors).toHaveLength(5);
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
