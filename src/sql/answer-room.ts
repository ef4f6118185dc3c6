/** Room for the text of one answer that is put together in memory: its own limit, and the node's total. */

import { ApiError } from '../api/api-error.js';
import type { HeldBytes } from '../std/byte-budget.js';
import { bytesText } from '../std/bytes-text.js';

/** Smaller answers are not counted. Most answers are smaller, and are sent at once. */
const STEP_BYTES = 64 * 1024;

export interface AnswerRoom {
  /** Adds bytes of text (a character counts as one). Returns the error when they do not fit. */
  add(bytes: number): ApiError | null;
}

export function answerRoom(bytesMax: number, held: HeldBytes): AnswerRoom {
  let length = 0;
  let taken = STEP_BYTES;
  return {
    add(bytes) {
      length += bytes;
      if (length > bytesMax) return tooLarge(bytesMax);
      if (length <= taken) return null;
      const more = Math.ceil((length - taken) / STEP_BYTES) * STEP_BYTES;
      if (!held.grow(more)) return noRoom();
      taken += more;
      return null;
    },
  };
}

function tooLarge(bytesMax: number): ApiError {
  return new ApiError(
    400,
    'RESULT_TOO_LARGE',
    `The result is larger than ${bytesText(bytesMax)}, the limit "httpAnswerBytesMax" of this node. Ask for fewer rows, or for a stream (Accept: application/x-ndjson).`,
  );
}

function noRoom(): ApiError {
  return new ApiError(
    503,
    'NODE_BUSY',
    'Answers in progress use all of "httpAnswersBytesMax" of this node (a token may use half of it). Try again in a moment, or ask for a stream (Accept: application/x-ndjson).',
    { retryable: true, retryAfterS: 1 },
  );
}
