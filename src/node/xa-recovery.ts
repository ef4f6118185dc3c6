import { SkeinError } from '../model/error.js';
import type { Position } from '../model/position.js';
import type { XaLog } from '../source/xa-log.js';
import type { LocalControl } from './local-server.js';
import type { XaAgreement, XaFile } from './xa-file.js';

/**
 * XA is not crash-safe in MariaDB (SAFETY H11): XA PREPARE, COMMIT and ROLLBACK are logged, and wait for their
 * acknowledgement, before the engine does them. After a crash the log, and so every replica, is ahead of the engine.
 * The log is the cluster's history, so the engine is brought level with it before a new epoch begins:
 *
 *   log          engine
 *   ended        prepared     the engine ends it in the same way, past the log
 *   prepared     nothing      its rows are lost here, and nobody was told that it is prepared: its end is logged
 *   nothing      prepared     XA COMMIT ... ONE PHASE on its way to the log. It is rolled back when it can not have got
 *                             there; when it can (such a group names no branch), a person decides
 */
export interface XaMending {
  readonly finish: readonly { readonly branch: string; readonly how: 'commit' | 'rollback' }[];
  /** A rollback has to be logged; `standIn`: the engine has to be given a branch of that name first. */
  readonly end: readonly { readonly branch: string; readonly standIn: boolean }[];
  readonly doubtful: readonly string[];
  /** Prepared in the end. */
  readonly left: readonly string[];
}

export function xaMending(agreed: XaAgreement, log: XaLog, engine: readonly string[]): XaMending {
  const has = new Set(engine);
  const prepared = new Set(agreed.branches);
  const finish: { branch: string; how: 'commit' | 'rollback' }[] = [];
  for (const [branch, last] of log.branches) {
    if (last === 'prepare') prepared.add(branch);
    else {
      prepared.delete(branch);
      if (has.has(branch)) finish.push({ branch, how: last });
    }
  }
  const ending = new Set(agreed.ending);
  const lost = [...prepared].filter((branch) => !has.has(branch) || ending.has(branch));
  const unknown = engine.filter((branch) => !prepared.has(branch) && !log.branches.has(branch));
  const doubtful: string[] = [];
  for (const branch of unknown) {
    const how = log.ordinary ? agreed.decided?.[branch] : 'rollback';
    if (how) finish.push({ branch, how });
    else doubtful.push(branch);
  }
  return {
    finish,
    end: lost.map((branch) => ({ branch, standIn: !has.has(branch) })),
    doubtful,
    left: [...prepared].filter((branch) => !lost.includes(branch)),
  };
}

export interface XaRecoveryModules {
  file: XaFile;
  control(): LocalControl;
  /** After this the log begins: what was before has been purged. */
  logBegin(): Promise<Position>;
  readLog(after: Position, until: Position, signal: AbortSignal): Promise<XaLog>;
}

/**
 * So long after a transaction was answered the server has done in its engine what it logged: then it needs not be read
 * again. Bounds what a start has to read, beside what was written in this time twice.
 */
const ADVANCE_MS = 60_000;

export class XaRecovery {
  readonly #modules: XaRecoveryModules;
  /** Answered at that time; agreed upon when all of it has been done. */
  #next: { at: Position; sinceMs: number } | null = null;
  #saving: Promise<void> = Promise.resolve();

  constructor(modules: XaRecoveryModules) {
    this.#modules = modules;
  }

  /**
   * On a closed server. Returns what was done, for people; null = nothing. The log may be longer afterwards.
   * @throws SkeinError XA_IN_DOUBT, and what reading the log throws
   */
  async settle(logEnd: Position, serverId: number, signal: AbortSignal): Promise<string | null> {
    const { file, readLog } = this.#modules;
    const control = this.#modules.control();
    this.#next = null;
    await this.#saving.catch(() => {});
    const engine = await control.preparedBranches();
    const noted = await file.load();
    const begin = await this.#modules.logBegin();
    const isPurged = begin.ordinal > noted.at.ordinal;
    const agreed = isPurged ? agreedAtBegin(noted, begin, engine) : noted;
    const log = await readLog(agreed.at, logEnd, signal);
    const mending = xaMending(agreed, isPurged ? { ...log, ordinary: true } : log, engine);
    if (mending.doubtful.length > 0) throw inDoubt(mending.doubtful, file.path);
    if (mending.end.length > 0) {
      // First of all: a stand-in must not be taken for the branch itself after another crash.
      await file.save({ ...agreed, ending: mending.end.map(({ branch }) => branch) });
    }
    for (const { branch, how } of mending.finish) await control.finishBranch(branch, how);
    for (const { branch, standIn } of mending.end) {
      signal.throwIfAborted();
      if (standIn) await control.prepareStandIn(branch);
      await control.logRollback(branch, serverId);
    }
    const left = await control.preparedBranches();
    if (left.toSorted().join() !== mending.left.toSorted().join()) {
      throw new SkeinError(
        'XA_DIFFERS',
        `By its log the server should have these XA branches prepared: ${mending.left.join('; ') || 'none'}. It has: ${left.join('; ') || 'none'}.`,
      );
    }
    const { finish, end } = mending;
    if (finish.length + end.length === 0) return null;
    return [
      ...finish.map(({ branch, how }) => `the ${how} of ${branch} was done`),
      ...end.map(({ branch }) => `${branch}, which was never answered, was rolled back everywhere`),
    ].join('; ');
  }

  /**
   * Called often on an open server: what was answered a while ago needs not be read again after a crash, unless a
   * branch is prepared or something of XA is running.
   */
  async advance(answered: Position, nowMs: number): Promise<void> {
    const done = this.#next;
    if (done && nowMs - done.sinceMs < ADVANCE_MS) return;
    const next = { at: answered, sinceMs: nowMs };
    this.#next = next;
    if (!done || done.at.ordinal === 0) return;
    const { file, control } = this.#modules;
    // The server may have died meanwhile, and what it lost may be being settled.
    if (!(await control().isFreeOfXa()) || this.#next !== next) return;
    this.#saving = file.save({ at: done.at, branches: [], ending: [] });
    await this.#saving;
  }

  /** What was settled needs not be read again. */
  async agree(at: Position): Promise<void> {
    const { file, control } = this.#modules;
    this.#next = null;
    await file.save({ at, branches: await control().preparedBranches(), ending: [] });
  }
}

/**
 * The log that would tell has been purged. The server keeps a file of its log until its engine has done all that is in it
 * on the disk, so a branch that was prepared and is not there any more has been ended.
 */
function agreedAtBegin(noted: XaAgreement, begin: Position, engine: readonly string[]): XaAgreement {
  return { ...noted, at: begin, branches: noted.branches.filter((branch) => engine.includes(branch)) };
}

function inDoubt(branches: readonly string[], path: string): SkeinError {
  const decided = JSON.stringify(Object.fromEntries(branches.map((branch) => [branch, 'rollback'])));
  return new SkeinError(
    'XA_IN_DOUBT',
    `The server died while XA COMMIT ... ONE PHASE ran, and its log does not say whether it is in it: ${branches.join('; ')}. ` +
      `Look for its rows at the end of the binary log (mariadb-binlog -v). Then add to ${path}, with commit for each whose ` +
      `rows are there: "decided":${decided}. It is read every few seconds.`,
    { data: { branches } },
  );
}
