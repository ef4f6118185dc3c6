import { SkeinError } from '../model/error.js';
import type { Position } from '../model/position.js';
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
 *                             logged. A replica executes the end of its log again. If the engine has executed later
 *                             transactions, the replica is filled from another node
 *   missing      prepared     on a primary it was an XA COMMIT ... ONE PHASE on its way to the log. It is rolled back when it
 *                             cannot have got there. When it can (such a group names no branch), an operator decides.
 *                             On a replica it is rolled back, because it will be executed again
 *
 * Seeding does not replace this. A primary has no donor. A replica that applied XA without pause was in one of these states
 * after 2 of 15 kills. To execute the end of the log again costs nothing, and a copy of the data may take hours.
 */
export interface XaRepair {
  readonly finish: readonly XaEnd[];
  /** Branches that are prepared in the log and that the engine has lost. */
  readonly lost: readonly LostBranch[];
  readonly doubtful: readonly string[];
  /** Branches that are prepared afterwards, without the lost ones. */
  readonly left: readonly string[];
}

export interface XaEnd {
  readonly branch: string;
  readonly how: 'commit' | 'rollback';
}

export interface LostBranch {
  readonly branch: string;
  /** False = the engine has a stand-in of an earlier recovery. */
  readonly isGone: boolean;
}

export function xaRepair(agreed: XaAgreement, log: XaLog, engine: readonly string[]): XaRepair {
  const has = new Set(engine);
  const prepared = new Set(agreed.branches);
  const finish: XaEnd[] = [];
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

/**
 * The ordinal from which a replica's server must execute its log again, because its engine has lost branches that the log
 * prepares; null = it has lost none. The engine must have executed nothing from there on. There may be several XA groups,
 * because a server logs them together before it executes the first one.
 * @param applied ordinal of the server's replication position
 * @throws SkeinError XA_DIFFERS
 */
export function executedAgainFrom(
  lost: readonly LostBranch[],
  log: XaLog,
  engine: readonly string[],
  applied: number,
): number | null {
  if (lost.length === 0) return null;
  const at = (branch: string) => log.lastAt.get(branch) ?? 0;
  const from = Math.min(...lost.map(({ branch }) => at(branch)));
  const hasEnded = [...log.branches].some(
    ([branch, last]) => last !== 'prepare' && at(branch) >= from && !engine.includes(branch),
  );
  if (from > applied && from > log.lastOther && !hasEnded) return from;
  throw new SkeinError(
    'XA_DIFFERS',
    `The server has lost XA branches that its log prepares from number ${from} on, and has executed later transactions (its position is ${applied}): ${lost.map(({ branch }) => branch).join('; ')}.`,
  );
}

export interface XaRecoveryModules {
  file: XaFile;
  control(): LocalControl;
  /** The log begins after this position. Everything before it has been purged. */
  logBegin(): Promise<Position>;
  readLog(after: Position, until: Position, signal: AbortSignal): Promise<XaLog>;
}

/** State of a server's log and engine after a crash. */
interface XaFound {
  readonly agreed: XaAgreement;
  readonly log: XaLog;
  readonly engine: readonly string[];
  /** The log no longer has all branches that the engine may have. */
  readonly isPurged: boolean;
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
   * Makes a primary's engine agree with the log. Only on a closed server. May write to the log, with this server id. Returns a
   * description of the repair, null = nothing was done.
   * @throws SkeinError XA_IN_DOUBT, XA_DIFFERS, and what reading the log throws
   */
  async settlePrimary(logEnd: Position, serverId: number, signal: AbortSignal): Promise<string | null> {
    const { file } = this.#modules;
    const { agreed, log, engine, isPurged } = await this.#find(logEnd, signal);
    const ordinary = isPurged || log.ordinary;
    const { finish, lost, doubtful, left } = xaRepair(agreed, { ...log, ordinary }, engine);
    if (doubtful.length > 0) throw inDoubt(doubtful, file.path);
    // Saved first, so that after another crash a stand-in is not taken for the branch itself.
    if (lost.length > 0) await file.save({ ...agreed, ending: lost.map(({ branch }) => branch) });
    await this.#finish(finish);
    for (const { branch, isGone } of lost) {
      signal.throwIfAborted();
      const control = this.#modules.control();
      if (isGone) await control.prepareStandIn(branch);
      await control.logRollback(branch, serverId);
    }
    await this.#expect(left);
    return textOf([
      ...finish.map(finished),
      ...lost.map(
        ({ branch }) => `${branch}, whose preparation was never answered, was rolled back on all nodes`,
      ),
    ]);
  }

  /** See executedAgainFrom. Only on a server that does not replicate. @throws also what reading the log throws */
  async lostFrom(logEnd: Position, applied: Position, signal: AbortSignal): Promise<number | null> {
    const { agreed, log, engine } = await this.#find(logEnd, signal);
    const { lost } = xaRepair(agreed, log, engine);
    return executedAgainFrom(lost, log, engine, applied.ordinal);
  }

  /**
   * Makes a replica's engine agree with its log up to this position. Only on a server that does not replicate. Returns a
   * description of the repair, null = nothing was done.
   * @throws SkeinError XA_DIFFERS, and what reading the log throws
   */
  async settleReplica(logEnd: Position, signal: AbortSignal): Promise<string | null> {
    const { agreed, log, engine, isPurged } = await this.#find(logEnd, signal);
    // A replica logs the end of a branch before it ends the branch. So only a purged log leaves a doubt, and then the branch stays.
    const { finish, lost, doubtful, left } = xaRepair(agreed, { ...log, ordinary: isPurged }, engine);
    await this.#finish(finish);
    await this.#expect([...left, ...lost.map(({ branch }) => branch), ...doubtful]);
    return textOf(finish.map(finished));
  }

  async #find(logEnd: Position, signal: AbortSignal): Promise<XaFound> {
    const { file, control, logBegin, readLog } = this.#modules;
    this.#next = null;
    await this.#saving.catch(() => {});
    const engine = await control().preparedBranches();
    const noted = await file.load();
    const begin = await logBegin();
    const isPurged = begin.ordinal > noted.at.ordinal;
    const agreed = isPurged ? agreedAtBegin(noted, begin, engine) : noted;
    return { agreed, log: await readLog(agreed.at, logEnd, signal), engine, isPurged };
  }

  async #finish(ends: readonly XaEnd[]): Promise<void> {
    const control = this.#modules.control();
    for (const { branch, how } of ends) await control.finishBranch(branch, how);
  }

  async #expect(wanted: readonly string[]): Promise<void> {
    const found = await this.#modules.control().preparedBranches();
    if (found.toSorted().join() === wanted.toSorted().join()) return;
    throw new SkeinError(
      'XA_DIFFERS',
      `According to its log the server should have these XA branches prepared: ${wanted.join('; ') || 'none'}. It has: ${found.join('; ') || 'none'}.`,
    );
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

/**
 * The part of the log with the ends of these branches has been purged. The server keeps each file of its log until the engine
 * has executed and stored all of it. So a branch that was prepared and is missing now has ended.
 */
function agreedAtBegin(noted: XaAgreement, begin: Position, engine: readonly string[]): XaAgreement {
  return { ...noted, at: begin, branches: noted.branches.filter((branch) => engine.includes(branch)) };
}

const finished = ({ branch, how }: XaEnd) => `the ${how} of ${branch} was done`;

/** Null = nothing was done. */
const textOf = (done: readonly string[]) => (done.length === 0 ? null : done.join('; '));

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
