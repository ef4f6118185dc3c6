import {
  beginningOf,
  type Chain,
  type ChainEntry,
  currentEpoch,
  epochOf,
  extendChain,
  listInForce,
  settleChain,
} from '../model/chain.js';
import { messageOf, SkeinError } from '../model/error.js';
import type { MemberList } from '../model/members.js';
import type { Position } from '../model/position.js';
import type { Flavour } from '../mysql-protocol/flavour.js';
import type { Logger } from '../std/logger.js';
import type { ChainFile } from './chain-file.js';

export interface EpochsModules {
  readonly logger: Logger;
  readonly flavour: Flavour;
  readonly chainFile: ChainFile;
}

/** Finds epoch and GTID of a transaction by the chain that this node knows, and adds entries to the chain. */
export class Epochs {
  readonly #modules: EpochsModules;
  /** The newest epoch and the chain without it, until another node knows that epoch; then null. */
  #unannounced: { readonly entry: ChainEntry; readonly before: Chain } | null = null;

  constructor(modules: EpochsModules) {
    this.#modules = modules;
  }

  get chain(): Chain {
    return this.#modules.chainFile.chain;
  }

  get current(): number {
    return currentEpoch(this.chain);
  }

  /** Ordinal after which the newest epoch began. */
  get began(): number {
    return beginningOf(this.chain);
  }

  /** The position of the group with this ordinal in the cluster's history. */
  positionAt(ordinal: number): Position {
    const epoch = epochOf(this.chain, ordinal);
    return { epoch, ordinal, gtid: ordinal === 0 ? '' : this.#modules.flavour.gtidAt(epoch, ordinal) };
  }

  /** The position of a server whose last transaction has this GTID. */
  positionOf(gtid: string): Position {
    const ordinal = gtid === '' ? 0 : this.#modules.flavour.ordinalOf(gtid);
    return { epoch: epochOf(this.chain, ordinal), ordinal, gtid };
  }

  /**
   * Begins an epoch of `primary`, with the list in force. Resolves when it is on the disk. @throws SkeinError
   * CHAIN_INVALID
   */
  async begin(epoch: number, beginsAfter: Position, primary: string): Promise<void> {
    await this.#modules.chainFile.change((before) => {
      const entry = { epoch, number: 0, beginsAfter, primary, members: listInForce(before) };
      this.#unannounced = { entry, before };
      return extendChain(before, entry);
    });
    this.#modules.logger.info({ epoch, beginsAfter }, 'epoch began');
  }

  /**
   * Adds a new list in this epoch. Resolves when it is in force and on the disk.
   * @throws SkeinError ROLE_LOST (another epoch has begun; nothing is changed) | CHAIN_INVALID
   */
  async enter(members: MemberList, ordinal: number): Promise<void> {
    const { current } = this;
    const beginsAfter = this.positionAt(ordinal);
    this.announced();
    await this.#modules.chainFile.change((chain) => {
      const last = chain.at(-1);
      if (last?.epoch !== current)
        throw new SkeinError('ROLE_LOST', `Epoch ${current} has ended. Nothing was changed.`);
      const { epoch, primary, number } = last;
      return extendChain(chain, { epoch, number: number + 1, beginsAfter, primary, members });
    });
    const { epoch, number } = this.chain.at(-1) ?? { epoch: 0, number: 0 };
    this.#modules.logger.info({ epoch, number, beginsAfter, members }, 'list of members changed');
  }

  /**
   * The list of this entry is on a majority of itself and of the previous list, so the previous list counts no more. Does
   * nothing if the entry is no longer the newest one. Resolves when that is on the disk.
   */
  settle(entry: ChainEntry): Promise<void> {
    return this.#modules.chainFile.change((chain) => (chain.at(-1) === entry ? settleChain(chain) : chain));
  }

  /** The newest epoch was sent to another node, so it can no longer be withdrawn. */
  announced(): void {
    this.#unannounced = null;
  }

  /**
   * Removes the newest epoch if no other node knows it. It began at the end of a wrong log, and would cut the right log when
   * that is back. Its number is never used again.
   */
  withdraw(): void {
    if (this.#unannounced === null) return;
    const { entry, before } = this.#unannounced;
    this.#unannounced = null;
    this.#modules.chainFile
      .change((chain) => (chain.at(-1) === entry ? before : chain))
      .catch((error: unknown) => {
        this.#modules.logger.error({ reason: messageOf(error) }, 'removing the new epoch failed');
      });
  }
}
