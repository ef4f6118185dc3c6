import { Type } from '@sinclair/typebox';

const GiB = 1024 ** 3;

/** How long the servers' binary logs are kept for members that may need them, and what room their disks keep. */
export const RetentionSettings = Type.Object(
  {
    // A few hours of a busy server, and a small part of a common disk.
    logBytes: Type.Integer({ minimum: 1024 ** 2, maximum: 2 ** 50, default: 16 * GiB }),
    // Long enough for a node that fails on Friday night and is repaired on Monday morning.
    logHours: Type.Number({ minimum: 0.001, maximum: 24 * 365, default: 72 }),
    // Many times what a busy server writes in the seconds between two checks.
    freeBytesMin: Type.Integer({ minimum: 0, maximum: 2 ** 50, default: GiB }),
  },
  {
    additionalProperties: false,
    default: {},
    description:
      'How many bytes and hours of binary log are kept for nodes that need them, and how many bytes of the disk must stay free.',
    expected: 'an object such as {"logBytes": 17179869184, "logHours": 72, "freeBytesMin": 1073741824}',
  },
);
