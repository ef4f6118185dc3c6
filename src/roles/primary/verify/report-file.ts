import { join } from 'node:path';
import { type Static, Type } from '@sinclair/typebox';
import { VerifyDocumentSchema } from '../../../model/verify.js';
import type { Logger } from '../../../std/logger.js';
import { StateFile } from '../../../std/state-file.js';

const Schema = Type.Omit(VerifyDocumentSchema, ['running']);

export type KeptReports = Static<typeof Schema>;
export const NO_REPORTS: KeptReports = { last: null, lastCompleteAt: null, tables: [] };

/**
 * The last comparison of each table, kept on the node that was the primary. If the file is lost, the next round writes it
 * again.
 */
export type ReportFile = StateFile<typeof Schema, KeptReports>;

export function reportFile(stateDirectory: string, { logger }: { logger: Logger }): ReportFile {
  return new StateFile({
    path: join(stateDirectory, 'verify.json'),
    schema: Schema,
    missing: NO_REPORTS,
    onDamage: { startOver: logger },
  });
}
