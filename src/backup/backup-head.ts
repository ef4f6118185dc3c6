import { type Static, Type } from '@sinclair/typebox';

/** Increased with every change that an older Skein cannot read. */
export const BACKUP_FORMAT = 1;

const PositionSchema = Type.Object({
  epoch: Type.Integer({ minimum: 0 }),
  ordinal: Type.Integer({ minimum: 0 }),
  gtid: Type.String(),
});

/** What is known before the data comes. */
export const BackupHead = Type.Object({
  format: Type.Integer({ minimum: 1 }),
  /** Of the data; `gzip`: one gzip stream of what mariadb-backup writes with `--stream=mbstream`. */
  compression: Type.Literal('gzip'),
  cluster: Type.String(),
  /** The node that was copied. */
  node: Type.String(),
  /** Skein's version there. */
  skein: Type.String(),
  server: Type.Object({ flavour: Type.Literal('mariadb'), version: Type.String() }),
  /** ISO time; the file may be named after it. */
  began: Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?Z$' }),
  /** About; of the data files when it began. */
  dataBytes: Type.Integer({ minimum: 0 }),
});
export type BackupHead = Readonly<Static<typeof BackupHead>>;

/** What is known at the end. */
export const BackupTail = Type.Object({
  /** Of the last transaction in it. */
  position: PositionSchema,
  /** For each epoch up to the position where it began. */
  epochs: Type.Array(Type.Object({ epoch: Type.Integer({ minimum: 1 }), beginsAfter: PositionSchema })),
  /** Before the compression. */
  contentBytes: Type.Integer({ minimum: 0 }),
  /** After it. */
  storedBytes: Type.Integer({ minimum: 0 }),
  /** ISO time. */
  ended: Type.String(),
});
export type BackupTail = Readonly<Static<typeof BackupTail>>;

/** What a head of every format has. */
export const AnyHead = Type.Object({ format: Type.Integer({ minimum: 1 }) });

/** Instead of the tail. */
export const BackupError = Type.Object({ message: Type.String() });
