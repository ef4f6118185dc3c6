import { join } from 'node:path';
import { Type } from '@sinclair/typebox';
import type { Logger } from '../std/logger.js';
import { readStateFile, StateFile, type StateRead } from '../std/state-file.js';

const Schema = Type.Object({
  seq: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
  mac: Type.String(),
});

export const HEAD_FILE = 'audit.head';
export type HeadRead = StateRead<typeof Schema>;

/** The end of the trail at some time, in a file beside it. A trail that ends before it was cut. */
export type HeadFile = StateFile<typeof Schema, null>;

/** For the node that writes the trail. */
export function headFile(directory: string, log: Logger): HeadFile {
  const path = join(directory, HEAD_FILE);
  return new StateFile({ path, schema: Schema, missing: null, onDamage: { startOver: log } });
}

/** For the verification. */
export function readHead(directory: string): Promise<HeadRead> {
  return readStateFile(join(directory, HEAD_FILE), Schema);
}
