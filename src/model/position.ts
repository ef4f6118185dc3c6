import { SkeinError } from './error.js';

/**
 * A place in the cluster's one sequence of transactions.
 * `ordinal` counts transaction groups from the cluster's beginning without gaps (0 = before the first),
 * `gtid` is the server's own name of that group (MariaDB: `domain-server-sequence`), '' at ordinal 0.
 */
export interface Position {
  readonly epoch: number;
  readonly ordinal: number;
  readonly gtid: string;
}

export const ORIGIN: Position = { epoch: 0, ordinal: 0, gtid: '' };

/** The text that clients carry around; opaque to them. */
export function formatPosition(position: Position): string {
  return `${position.epoch}.${position.ordinal}.${position.gtid}`;
}

const POSITION = /^(\d{1,10})\.(\d{1,16})\.([0-9A-Za-z:-]{0,100})$/;

/** @throws SkeinError INVALID_POSITION */
export function parsePosition(text: string): Position {
  const match = POSITION.exec(text);
  const epoch = Number(match?.[1]);
  const ordinal = Number(match?.[2]);
  if (!match || !Number.isSafeInteger(ordinal)) {
    throw new SkeinError(
      'INVALID_POSITION',
      'This is not a position of a Skein cluster. Send back, unchanged, what an earlier answer gave as "position" or X-Skein-Position.',
    );
  }
  return { epoch, ordinal, gtid: match[3] ?? '' };
}
