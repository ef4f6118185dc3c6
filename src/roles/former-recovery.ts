import { isInHistory } from '../flavour/history.js';
import type { FormerPrimaryOutcome } from '../flavour/server-sql.js';
import { currentEpoch } from '../model/chain.js';
import { messageOf } from '../model/error.js';
import { readLogEnd } from '../source/log-end.js';
import { sleep } from '../std/timing.js';
import type { LocalControl } from './local-server.js';
import { isOnlyVoter } from './only-voter.js';
import type { NodeParts } from './role-node.js';

export interface FormerRecoveryModules {
  parts(): Pick<NodeParts, 'openMark' | 'chainFile' | 'config' | 'flavour' | 'logger'>;
  /** This node follows the primary of a new epoch, or is elected, and its log was cut to that. */
  isDecided(): boolean;
  /** Whether the log of this server, from its files, has something that the cluster's log does not have. */
  hasExtra(): Promise<boolean>;
  /** Keeps that before it is taken out. */
  keepExtra(reason: string, signal: AbortSignal): Promise<unknown>;
}

const DECIDED_POLL_MS = 20;

/**
 * How a server is started again that died while it was open as the primary. When its log has something that the cluster's log
 * lacks, what waited for its quorum is taken back out of its data and its log: what the cluster has of that comes again through
 * the endpoint (rule H10). Where that cannot be done, because there is DDL behind it, the server recovers as usual. The only
 * voter takes nothing back.
 */
export class FormerRecovery {
  readonly #modules: FormerRecoveryModules;
  /** The last start asked the server to take something back. It did not start, so it cannot. */
  #hasTried = false;

  constructor(modules: FormerRecoveryModules) {
    this.#modules = modules;
  }

  /**
   * Asked at each start after a crash. Resolves when the history that the data has to agree with is known. Rejects when the
   * signal aborts: the next start has to ask again, because what a recovery has committed cannot be taken back any more.
   */
  async recoverAs(signal: AbortSignal): Promise<'primary' | 'replica'> {
    const { parts, isDecided, hasExtra, keepExtra } = this.#modules;
    const { openMark, logger } = parts();
    if (openMark.epoch === null || isOnlyVoter(parts())) return 'primary';
    if (this.#hasTried) return 'primary';
    if (!isDecided())
      logger.info(
        { epoch: openMark.epoch },
        'the server of a former primary is started when it is known what its log must agree with: a majority must elect a primary',
      );
    try {
      while (!isDecided()) await sleep(DECIDED_POLL_MS, signal);
      // Mostly there is nothing. Then all of its log is right, and what was under way in the engine is finished.
      if (!(await hasExtra())) return 'primary';
      await keepExtra(
        `The server died while it was open as the primary of epoch ${openMark.epoch}, and another epoch has begun.`,
        signal,
      );
      this.#hasTried = true;
      return 'replica';
    } catch (error) {
      signal.throwIfAborted();
      // What it has more stays in its data then, which is kept before it is replaced.
      logger.warn({ reason: messageOf(error) }, 'the server of a former primary recovers as usual');
      return 'primary';
    }
  }

  /**
   * Id under which a server that died as the primary logs what its recovery does; null = no epoch has begun. It goes on as a
   * replica's, except that of the only voter.
   */
  epochServerId(): number | null {
    const parts = this.#modules.parts();
    if (!isOnlyVoter(parts)) return parts.flavour.recoveryServerId;
    const epoch = currentEpoch(parts.chainFile.chain);
    return epoch === 0 ? null : parts.flavour.epochServerId(epoch);
  }

  /** The server has started. */
  started(): void {
    this.#hasTried = false;
  }
}

/**
 * Whether the log of a server that is down has transactions that the cluster does not have. They are at its end: the log of a former
 * primary is the cluster's up to where the next epoch begins. True when it cannot be told.
 */
export async function hasExtra(
  dataDir: string,
  { flavour, chainFile }: Pick<NodeParts, 'flavour' | 'chainFile'>,
): Promise<boolean> {
  try {
    const { gtid } = await readLogEnd(dataDir, { flavour });
    return !isInHistory(chainFile.chain, gtid, flavour);
  } catch {
    return true;
  }
}

/**
 * Compares the end of the log of a former primary's server, started after its death, with the cluster's log, and sets the server's
 * positions. The chain names every transaction of an older epoch, also one that this node's spool does not have yet. Never
 * rejects.
 */
export async function settleFormer(
  {
    control,
    flavour,
    newServerId,
    dataDir,
  }: Pick<NodeParts, 'flavour' | 'newServerId'> & { control(): LocalControl; dataDir: string },
  nameOf: (ordinal: number) => string,
): Promise<FormerPrimaryOutcome> {
  try {
    const logEnd = await readLogEnd(dataDir, { flavour });
    return await control().settleFormerPrimary({
      serverId: await newServerId(),
      logEnd,
      nameOf,
    });
  } catch (error) {
    return {
      kind: 'seed',
      reason: `Its log could not be compared with that of the cluster: ${messageOf(error)}`,
    };
  }
}
