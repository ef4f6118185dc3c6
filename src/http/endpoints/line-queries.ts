/** The query parameters for lines of the log and of the audit trail. */
import { Type } from '@sinclair/typebox';

export const TAIL_DEFAULT = 200;

const TIME = '^\\d{4}-\\d{2}-\\d{2}(T\\d{2}:\\d{2}(:\\d{2}(\\.\\d{1,3})?)?Z?)?$';

export const Tail = Type.Optional(
  Type.Integer({
    minimum: 1,
    maximum: 10_000,
    default: TAIL_DEFAULT,
    description:
      'Maximum number of lines, the newest ones. If they exceed 2 MiB, the older ones are left out and the first line is {"event":"lines.cut"}.',
  }),
);
export const Since = Type.Optional(
  Type.String({
    pattern: TIME,
    description: 'ISO time in UTC, or the beginning of one. Lines from this time on match.',
  }),
);
export const Until = Type.Optional(
  Type.String({
    pattern: TIME,
    description: 'ISO time in UTC, or the beginning of one. Lines before this time match.',
  }),
);
export const Text = Type.Optional(
  Type.String({
    minLength: 1,
    maxLength: 200,
    description: 'Text anywhere in the line; case-insensitive.',
  }),
);
export const Follow = Type.Optional(
  Type.Union([Type.Literal('true'), Type.Literal('false')], {
    description: 'Keep the answer open, and send lines as they come.',
  }),
);
