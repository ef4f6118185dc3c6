import { Type } from '@sinclair/typebox';

/** The server is looked at twice a second, and one answer may be late. */
const MIN_MS = 2_000;

/**
 * A healthy server answers within milliseconds, and within a second where no core is free or the disk is slow. The default is longer
 * than a stall that ends by itself, and about as long as drivers wait for a connection.
 */
export const ServerHangMs = Type.Union(
  [Type.Literal(0), Type.Integer({ minimum: MIN_MS, maximum: 3_600_000 })],
  {
    default: 10_000,
    description:
      'A server that answers neither a statement nor a new connection for this long, and does nothing else, hangs: its node kills it and starts it again. 0 = never.',
    expected: `milliseconds, a whole number from ${MIN_MS} to 3600000, or 0`,
  },
);
