import type { Flavour } from '../flavour/flavour.js';
import { positionAt, positionOf } from '../flavour/history.js';
import { beginningOf, type Chain, currentEpoch } from '../model/chain.js';
import type { Position } from '../model/position.js';
import type { ChainFile } from './chain-file.js';

export interface EpochsModules {
  readonly flavour: Flavour;
  readonly chainFile: ChainFile;
}

/** Finds epoch and GTID of a transaction by the chain that this node knows. */
export class Epochs {
  readonly #modules: EpochsModules;

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
    return positionAt(this.chain, ordinal, this.#modules.flavour);
  }

  /** The position of a server whose last transaction has this GTID. */
  positionOf(gtid: string): Position {
    return positionOf(this.chain, gtid, this.#modules.flavour);
  }
}
