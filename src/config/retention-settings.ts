import { Type } from '@sinclair/typebox';

const GiB = 1024 ** 3;

/** How long the servers' binary logs are kept for members that may need them, and what room their disks keep. */
export const RetentionSettings = Type.Object(
  {
    // A few hours of a busy server, and a part of a disk that nobody misses.
    logBytes: Type.Integer({ minimum: 1024 ** 2, maximum: 2 ** 50, default: 16 * GiB }),
    // A node that fails on Friday night is looked at on Monday morning.
    logHours: Type.Number({ minimum: 0.001, maximum: 24 * 365, default: 72 }),
    // What a busy server writes in the seconds between two looks, many times over.
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
