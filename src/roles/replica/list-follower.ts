import {
  adoptedPlace,
  type Chain,
  type ChainPlace,
  comparePlaces,
  extendChain,
  settleChain,
} from '../../model/chain.js';
import { messageOf, SkeinError } from '../../model/error.js';
import type { Logger } from '../../std/logger.js';
import type { ListMessage } from '../../wire/messages.js';
import type { ChainFile } from '../chain-file.js';

export interface ListFollowerModules {
  readonly logger: Logger;
  readonly chainFile: ChainFile;
  /** Ordinal up to which this node's log is durable. */
  durable(): number;
  /** Tells the primary that this node has adopted an entry. */
  adopted(place: ChainPlace): void;
  /** The chain on the disk is another one. */
  chainChanged(chain: Chain): void;
  /** Ends this process. */
  fail(error: SkeinError): void;
}

/**
 * Takes new lists of members on a replica. An entry is written to the chain when it arrives. It is adopted when the log is
 * durable up to the entry's beginning (rule E1). Then the replica tells the primary.
 */
export class ListFollower {
  readonly #modules: ListFollowerModules;
  /** Ordinal that the log must reach to adopt the next entry; infinite = all entries are adopted. */
  #awaited = Number.POSITIVE_INFINITY;

  constructor(modules: ListFollowerModules) {
    this.#modules = modules;
    this.#chainChanged();
  }

  /** The newest adopted entry; null = this node has no chain. */
  adopted(): ChainPlace | null {
    return adoptedPlace(this.#modules.chainFile.chain, this.#modules.durable());
  }

  take({ entry, settled }: ListMessage): void {
    const { chainFile, fail } = this.#modules;
    let isNew = false;
    // It is in the queue of the chain at once: a vote waits until what was taken before it is written (rule E13).
    chainFile
      .change((chain) => {
        const last = chain.at(-1);
        isNew = !last || comparePlaces(entry, last) > 0;
        const next = isNew ? extendChain(chain, entry) : chain;
        // A message that was sent before the welcome has nothing new.
        const isNewest = isNew || (last !== undefined && comparePlaces(entry, last) === 0);
        return settled && isNewest ? settleChain(next) : next;
      })
      .then(() => {
        this.#changed();
        if (isNew) this.#tell();
      })
      .catch((error: unknown) => {
        fail(new SkeinError('CHAIN_UNWRITTEN', `The list of members cannot be written: ${messageOf(error)}`));
      });
  }

  /**
   * Takes the primary's chain after the log was cut to it, and writes the chain if `isNew`. An entry that arrived at the same
   * time from an older link is written before it, or not at all.
   */
  async welcomed(chain: Chain, isNew: boolean): Promise<void> {
    await this.#modules.chainFile.change((before) => (isNew ? chain : before));
    this.#changed();
  }

  #changed(): void {
    this.#chainChanged();
    this.#modules.chainChanged(this.#modules.chainFile.chain);
  }

  #chainChanged(): void {
    const durable = this.#modules.durable();
    const next = this.#modules.chainFile.chain.find(({ beginsAfter }) => beginsAfter.ordinal > durable);
    this.#awaited = next?.beginsAfter.ordinal ?? Number.POSITIVE_INFINITY;
  }

  /** The durable position of the log has moved. Called for each batch, so it must be cheap. */
  logMoved(): void {
    if (this.#modules.durable() < this.#awaited) return;
    this.#chainChanged();
    this.#tell();
  }

  #tell(): void {
    const place = this.adopted();
    if (place) this.#modules.adopted(place);
  }
}
