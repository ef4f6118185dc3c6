import type { Assignment, Election } from './election.js';
import type { EpochFile } from './epoch-file.js';

/** The election that never changes its result: the node that founded the cluster is the primary, as the chain says. */
export class FixedPrimary implements Election {
  readonly #options: { readonly node: string; readonly primary: string | null };
  readonly #epochFile: EpochFile;
  #hasAnswered = false;

  /** `primary`: null = this node has no list of members yet, so it cannot be the primary. */
  constructor(options: { node: string; primary: string | null }, modules: { epochFile: EpochFile }) {
    this.#options = options;
    this.#epochFile = modules.epochFile;
  }

  next(signal: AbortSignal): Promise<Assignment> {
    const { node, primary } = this.#options;
    if (!this.#hasAnswered) {
      this.#hasAnswered = true;
      return Promise.resolve(node === primary ? { kind: 'primary' } : { kind: 'replica', primary });
    }
    return new Promise((_, reject) => {
      const abort = () => reject(signal.reason as Error);
      if (signal.aborted) abort();
      else signal.addEventListener('abort', abort, { once: true });
    });
  }

  /** No other node begins epochs, so this node knows all of them. */
  async newEpoch(known: number): Promise<number> {
    const used = Math.max(known, (await this.#epochFile.load()).used) + 1;
    await this.#epochFile.save({ used });
    return used;
  }
}
