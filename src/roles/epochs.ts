import {
  beginningOf,
  type Chain,
  currentEpoch,
  epochOf,
  extendChain,
  listInForce,
  settleChain,
} from '../model/chain.js';
import { messageOf } from '../model/error.js';
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

/** Names of transactions by the chain that this node knows, and new entries of the chain. */
export class Epochs {
  readonly #modules: EpochsModules;
  /** The chain before the newest epoch, as long as no other node was told of that; then null. */
  #before: Chain | null = null;

  constructor(modules: EpochsModules) {
    this.#modules = modules;
  }

  get chain(): Chain {
    return this.#modules.chainFile.chain;
  }

  get current(): number {
    return currentEpoch(this.chain);
  }

  /** The newest epoch began after this ordinal. */
  get began(): number {
    return beginningOf(this.chain);
  }

  /** The group with this ordinal in the cluster's one history. */
  positionAt(ordinal: number): Position {
    const epoch = epochOf(this.chain, ordinal);
    return { epoch, ordinal, gtid: ordinal === 0 ? '' : this.#modules.flavour.gtidAt(epoch, ordinal) };
  }

  /** Where a server stands that names this GTID as its last one. */
  positionOf(gtid: string): Position {
    const ordinal = gtid === '' ? 0 : this.#modules.flavour.ordinalOf(gtid);
    return { epoch: epochOf(this.chain, ordinal), ordinal, gtid };
  }

  /** An epoch of `primary` begins, with the list in force. On the disk when it resolves. @throws SkeinError CHAIN_INVALID */
  async begin(epoch: number, beginsAfter: Position, primary: string): Promise<void> {
    const before = this.chain;
    const members = listInForce(before);
    await this.#modules.chainFile.save(
      extendChain(before, { epoch, number: 0, beginsAfter, primary, members }),
    );
    this.#before = before;
    this.#modules.logger.info({ epoch, beginsAfter }, 'epoch began');
  }

  /** A new list in this epoch. In force and on the disk when it resolves. @throws SkeinError CHAIN_INVALID */
  async enter(members: MemberList, ordinal: number): Promise<void> {
    const last = this.chain.at(-1);
    if (!last) throw new Error('a list of members needs an epoch');
    const { epoch, primary, number } = last;
    const beginsAfter = this.positionAt(ordinal);
    this.told();
    await this.#modules.chainFile.save(
      extendChain(this.chain, { epoch, number: number + 1, beginsAfter, primary, members }),
    );
    this.#modules.logger.info({ epoch, number: number + 1, beginsAfter, members }, 'list of members changed');
  }

  /** The newest list is on a majority of itself and of the one before, which counts no more. On the disk when it resolves. */
  async settle(): Promise<void> {
    const settled = settleChain(this.chain);
    if (settled !== this.chain) await this.#modules.chainFile.save(settled);
  }

  /** The newest epoch was sent to another node, so it must stay. */
  told(): void {
    this.#before = null;
  }

  /** An epoch that began at the end of a wrong log would cut the right one, once it is back. Its number is used up. */
  takeBack(): void {
    if (this.#before === null) return;
    const before = this.#before;
    this.#before = null;
    this.#modules.chainFile.save(before).catch((error: unknown) => {
      this.#modules.logger.error({ reason: messageOf(error) }, 'removing the new epoch failed');
    });
  }
}
