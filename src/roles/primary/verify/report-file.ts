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

/**
 * Between two saves while a round runs: each writes the reports of all tables, on the thread of replication, and a cluster may
 * have thousands of tables.
 */
const SAVE_MS = 5_000;

/** Saves reports often enough, and no more often. */
export class ReportSaver {
  readonly #save: (reports: KeptReports) => Promise<void>;
  readonly #nowMs: () => number;
  #savedAtMs = Number.NEGATIVE_INFINITY;

  constructor(save: (reports: KeptReports) => Promise<void>, { nowMs }: { nowMs: () => number }) {
    this.#save = save;
    this.#nowMs = nowMs;
  }

  /** While more follow. */
  async some(reports: () => KeptReports): Promise<void> {
    if (this.#nowMs() - this.#savedAtMs >= SAVE_MS) await this.all(reports);
  }

  async all(reports: () => KeptReports): Promise<void> {
    this.#savedAtMs = this.#nowMs();
    await this.#save(reports());
  }
}
