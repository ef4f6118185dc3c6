import { SkeinError } from '../model/error.js';
import type { Position } from '../model/position.js';
import type { LoggedGroup } from '../source/logged-group.js';
import type { XaLog } from '../source/xa-log.js';
import type { LocalControl } from './local-server.js';
import type { XaAgreement, XaFile } from './xa-file.js';

/**
 * XA is not crash-safe in MariaDB (rule H11). XA PREPARE, COMMIT and ROLLBACK are logged, and on a primary acknowledged,
 * before the engine executes them. So after a crash the log, and with it every replica, may be ahead of the engine. The log
 * is the cluster's history. Therefore the engine is made to agree with it before the server continues:
 *
 *   branch in    branch in
 *   the log      the engine
 *   ended        prepared     the engine ends it in the same way, without logging
 *   prepared     missing      its rows are lost here. On a primary no client was told that it is prepared, so a rollback is
 *                             logged. On a replica it is prepared again from the log
 *   missing      prepared     on a primary it was an XA COMMIT ... ONE PHASE on its way to the log. It is rolled back when it
 *                             cannot have got there. When it can (such a group names no branch), an operator decides.
 *                             On a replica it is rolled back, because it will be executed again
 */
export interface XaRepair {
  readonly finish: readonly { readonly branch: string; readonly how: 'commit' | 'rollback' }[];
  /** Branches that are prepared in the log and that the engine has lost. */
  readonly lost: readonly LostBranch[];
  readonly doubtful: readonly string[];
  /** Branches that are prepared afterwards, without the lost ones. */
  readonly left: readonly string[];
}

export interface LostBranch {
  readonly branch: string;
  /** False = the engine has a stand-in of an earlier recovery. */
  readonly isGone: boolean;
}

export function xaRepair(agreed: XaAgreement, log: XaLog, engine: readonly string[]): XaRepair {
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
    lost: lost.map((branch) => ({ branch, isGone: !has.has(branch) })),
    doubtful,
    left: [...prepared].filter((branch) => !lost.includes(branch)),
  };
}

/** How a role handles branches that its engine has lost. */
export interface LostBranches {
  /** True when the branches are prepared afterwards, false when they have ended. */
  readonly restored: boolean;
  repair(
    lost: readonly LostBranch[],
    known: { agreed: XaAgreement; log: XaLog; signal: AbortSignal },
  ): Promise<void>;
}

export interface XaRecoveryModules {
  file: XaFile;
  control(): LocalControl;
  lost: LostBranches;
  /** The log begins after this position. Everything before it has been purged. */
  logBegin(): Promise<Position>;
  readLog(after: Position, until: Position, signal: AbortSignal): Promise<XaLog>;
}

/**
 * This long after a transaction was answered, the engine has executed what the log contains, and a start need not read that
 * part of the log again. So a start reads the log of about twice this time.
 */
const ADVANCE_MS = 60_000;

export class XaRecovery {
  readonly #modules: XaRecoveryModules;
  /** Answered position at time `sinceMs`. It becomes the agreed position when the engine has executed everything up to it. */
  #next: { at: Position; sinceMs: number } | null = null;
  #saving: Promise<void> = Promise.resolve();

  constructor(modules: XaRecoveryModules) {
    this.#modules = modules;
  }

  /**
   * Makes the engine agree with the log. Only on a closed server. May write to the log. Returns a description of the repair,
   * null = nothing was done.
   * @throws SkeinError XA_IN_DOUBT, and what reading the log throws
   */
  async settle(logEnd: Position, signal: AbortSignal): Promise<string | null> {
    const { file, readLog, lost: lostBranches } = this.#modules;
    const control = this.#modules.control();
    this.#next = null;
    await this.#saving.catch(() => {});
    const engine = await control.preparedBranches();
    const noted = await file.load();
    const begin = await this.#modules.logBegin();
    const isPurged = begin.ordinal > noted.at.ordinal;
    const agreed = isPurged ? agreedAtBegin(noted, begin, engine) : noted;
    const read = await readLog(agreed.at, logEnd, signal);
    // A replica logs the end of a branch before it ends the branch. So only a purged log leaves a doubt, and then the
    // branch stays.
    const log = { ...read, ordinary: isPurged || (!lostBranches.restored && read.ordinary) };
    const repair = xaRepair(agreed, log, engine);
    if (repair.doubtful.length > 0 && !lostBranches.restored) throw inDoubt(repair.doubtful, file.path);
    const { finish, lost } = repair;
    if (lost.length > 0 && !lostBranches.restored) {
      // Saved first, so that after another crash a stand-in is not taken for the branch itself.
      await file.save({ ...agreed, ending: lost.map(({ branch }) => branch) });
    }
    for (const { branch, how } of finish) await control.finishBranch(branch, how);
    await lostBranches.repair(lost, { agreed, log, signal });
    const found = await control.preparedBranches();
    const wanted = lostBranches.restored
      ? [...repair.left, ...repair.doubtful, ...lost.map(({ branch }) => branch)]
      : repair.left;
    if (found.toSorted().join() !== wanted.toSorted().join()) {
      throw new SkeinError(
        'XA_DIFFERS',
        `According to its log the server should have these XA branches prepared: ${wanted.join('; ') || 'none'}. It has: ${found.join('; ') || 'none'}.`,
      );
    }
    if (finish.length + lost.length === 0) return null;
    return [
      ...finish.map(({ branch, how }) => `the ${how} of ${branch} was done`),
      ...lost.map(({ branch }) =>
        lostBranches.restored
          ? `${branch} was prepared again`
          : `${branch}, whose preparation was never answered, was rolled back on all nodes`,
      ),
    ].join('; ');
  }

  /**
   * Called often on an open server. Advances the position up to which a start need not read the log, unless a branch is
   * prepared or an XA statement is running.
   */
  async advance(answered: Position, nowMs: number): Promise<void> {
    const done = this.#next;
    if (done && nowMs - done.sinceMs < ADVANCE_MS) return;
    const next = { at: answered, sinceMs: nowMs };
    this.#next = next;
    if (!done || done.at.ordinal === 0) return;
    const { file, control } = this.#modules;
    // The server may have crashed in the meantime, and a recovery may be in progress.
    if (!(await control().isFreeOfXa()) || this.#next !== next) return;
    this.#saving = file.save({ at: done.at, branches: [], ending: [] });
    await this.#saving;
  }

  /** Records that log and engine agree up to this position, so a start need not read the log before it. */
  async agree(at: Position): Promise<void> {
    const { file, control } = this.#modules;
    this.#next = null;
    await file.save({ at, branches: await control().preparedBranches(), ending: [] });
  }
}

/** For a primary: logs a rollback of the branches with the server id of the epoch, so that all nodes end them. */
export function rolledBackEverywhere(modules: { control(): LocalControl; serverId(): number }): LostBranches {
  return {
    restored: false,
    repair: async (lost, { signal }) => {
      const control = modules.control();
      for (const { branch, isGone } of lost) {
        signal.throwIfAborted();
        if (isGone) await control.prepareStandIn(branch);
        await control.logRollback(branch, modules.serverId());
      }
    },
  };
}

/**
 * For a replica: prepares the branches again from the log. Their locks kept later transactions in the log from changing
 * their rows.
 */
export function preparedAgain(modules: {
  control(): LocalControl;
  readGroup(ordinal: number, signal: AbortSignal): Promise<LoggedGroup>;
}): LostBranches {
  return {
    restored: true,
    repair: async (lost, { log, signal }) => {
      for (const { branch } of lost) {
        const ordinal = log.preparedAt.get(branch);
        if (ordinal === undefined)
          throw new SkeinError(
            'XA_DIFFERS',
            `The server has lost the XA branch ${branch}, and its log no longer has it. The server must be filled from another node.`,
          );
        await modules.control().prepareAgain(branch, await modules.readGroup(ordinal, signal));
      }
    },
  };
}

/**
 * The part of the log with the ends of these branches has been purged. The server keeps each file of its log until the engine
 * has executed and stored all of it. So a branch that was prepared and is missing now has ended.
 */
function agreedAtBegin(noted: XaAgreement, begin: Position, engine: readonly string[]): XaAgreement {
  return { ...noted, at: begin, branches: noted.branches.filter((branch) => engine.includes(branch)) };
}

function inDoubt(branches: readonly string[], path: string): SkeinError {
  const decided = JSON.stringify(Object.fromEntries(branches.map((branch) => [branch, 'rollback'])));
  return new SkeinError(
    'XA_IN_DOUBT',
    `The server crashed during XA COMMIT ... ONE PHASE, and its log does not show whether the branch was committed: ${branches.join('; ')}. ` +
      `Search for the rows of each branch at the end of the binary log (mariadb-binlog -v). Then add this to ${path}, with commit for ` +
      `each branch whose rows are there: "decided":${decided}. The node reads the file every few seconds.`,
    { data: { branches } },
  );
}
