import { join } from 'node:path';
import { messageOf } from '../model/error.js';
import type { LastFailover } from '../model/status.js';
import { readFileIfThere, replaceFile } from '../std/files.js';
import type { Logger } from '../std/logger.js';
import type { ElectionEvents } from './actions.js';
import {
  type FailoverReport,
  type FailoverStep,
  NO_FAILOVER,
  noteStep,
  reportOf,
  reportText,
} from './fail-report.js';

/** A report has some hundred bytes, and a cluster has few failovers. */
const REPORTS_MAX = 100;

/** Reports the failovers that this node wins: as events, and in `failovers.jsonl`, one a line, oldest first. */
export class Failovers {
  readonly #path: string;
  readonly #modules: { readonly logger: Logger; readonly events: ElectionEvents };
  #record = NO_FAILOVER;
  #last: LastFailover | null = null;
  #adding: Promise<void> = Promise.resolve();

  constructor(stateDirectory: string, modules: { logger: Logger; events: ElectionEvents }) {
    this.#path = join(stateDirectory, 'failovers.jsonl');
    this.#modules = modules;
  }

  /** The newest report of this node; null = none. */
  get last(): LastFailover | null {
    return this.#last;
  }

  /** Reads what this node has reported before its start. A file that cannot be read is as none. */
  async load(): Promise<void> {
    try {
      const lines = ((await readFileIfThere(this.#path)) ?? '').split('\n').filter((line) => line !== '');
      const newest = lines.at(-1);
      if (newest !== undefined) this.#last ??= shortOf(JSON.parse(newest) as FailoverReport);
    } catch (error) {
      this.#modules.logger.warn({ reason: messageOf(error) }, 'the reports of failovers could not be read');
    }
  }

  note(step: FailoverStep): void {
    this.#record = noteStep(this.#record, step);
  }

  /** The server of the epoch is open for clients. */
  served(at: { node: string; epoch: number; nowMs: number; unixMs: number }): void {
    const report = reportOf(this.#record, at);
    if (report === null) return;
    this.#record = NO_FAILOVER;
    this.#last = shortOf(report);
    const { events, logger } = this.#modules;
    events.add('election.report', at.node, reportText(report), { ...report });
    this.#adding = this.#adding
      .then(() => this.#add(report))
      .catch((error: unknown) =>
        logger.warn({ reason: messageOf(error) }, 'the report of a failover could not be written'),
      );
  }

  /** Resolves when no write is under way. */
  idle(): Promise<void> {
    return this.#adding;
  }

  async #add(report: FailoverReport): Promise<void> {
    const lines = ((await readFileIfThere(this.#path)) ?? '').split('\n').filter((line) => line !== '');
    const kept = [...lines, JSON.stringify(report)].slice(-REPORTS_MAX);
    await replaceFile(this.#path, `${kept.join('\n')}\n`);
  }
}

function shortOf(report: FailoverReport): LastFailover {
  const { epoch, primary, primaryBefore, detectedHow, servedAtMs, pauseMs } = report;
  const servedAt = new Date(servedAtMs).toISOString();
  return { epoch, primary, primaryBefore, detectedHow, servedAt, pauseMs, reason: reportText(report) };
}
