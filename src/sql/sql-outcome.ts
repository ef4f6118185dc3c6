import type { ApiError } from '../api/api-error.js';
import type { Position } from '../model/position.js';

/** What became of the statements of one request. */
export interface SqlOutcome {
  readonly position: Position;
  readonly acknowledgedBy: readonly string[];
  readonly error: ApiError | null;
}
