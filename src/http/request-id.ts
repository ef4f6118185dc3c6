/** The id of a request, in its answer, its log line and its line of the audit trail. */
import { randomFillSync } from 'node:crypto';

/** A client's own id is kept when it is harmless in a log. */
export function requestId(header: string | string[] | undefined): string {
  if (typeof header === 'string' && /^[\w.:-]{1,64}$/.test(header)) return header;
  return newRequestId();
}

const REQUEST_ID_BYTES = 9;
/** Random bytes are drawn for many ids at a time, because each call is expensive. */
const randomPool = Buffer.alloc(REQUEST_ID_BYTES * 256);
let randomUsed = randomPool.length;

function newRequestId(): string {
  if (randomUsed === randomPool.length) {
    randomFillSync(randomPool);
    randomUsed = 0;
  }
  randomUsed += REQUEST_ID_BYTES;
  return randomPool.toString('base64url', randomUsed - REQUEST_ID_BYTES, randomUsed);
}
