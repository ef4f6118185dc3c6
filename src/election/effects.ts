import type { Chain } from '../model/chain.js';
import type { ElectionMessage } from '../model/election-messages.js';
import type { ElectionActions } from './actions.js';
import type { PromiseFile } from './promise.js';
import type { ElectionEffect, ElectionEvent } from './state.js';

export interface EffectModules {
  readonly promiseFile: Pick<PromiseFile, 'load' | 'save'>;
  /** One queue of changes, shared with the link that follows the primary. */
  readonly chainFile: { readonly chain: Chain; change(next: (chain: Chain) => Chain): Promise<void> };
  readonly links: { send(to: string, message: ElectionMessage): void };
  readonly actions: ElectionActions;
}

export interface EffectListener {
  /** The event that answers an effect; never before `start` has returned. */
  answered(event: ElectionEvent): void;
  /** A write or an action failed: this process does not know any more what it has promised. */
  failed(error: unknown): void;
  said(text: string): void;
}

/** Carries out what the core wants. */
export class Effects {
  readonly #modules: EffectModules;
  readonly #listener: EffectListener;
  /** Until the core has been told of them. */
  readonly #writes = new Set<Promise<void>>();
  readonly #chains = new WeakMap<Chain, Promise<void>>();

  constructor(modules: EffectModules, listener: EffectListener) {
    this.#modules = modules;
    this.#listener = listener;
  }

  /** Begins an effect. What an action throws is thrown. */
  start(effect: ElectionEffect): void {
    const { actions, links, promiseFile, chainFile } = this.#modules;
    switch (effect.kind) {
      case 'send':
        links.send(effect.to, effect.message);
        return;
      case 'settleLog': {
        const { epoch } = effect;
        // The links are gone when the call returns; then what they have asked to be written ends.
        const settled = actions.settleLog(epoch).then(() => chainFile.change((chain) => chain));
        void this.#answer(settled, () => ({ kind: 'logSettled', epoch }));
        return;
      }
      case 'keepPromise': {
        const { promisedEpoch: epoch } = effect.promise;
        void this.#write(promiseFile.save(effect.promise), () => ({ kind: 'promiseKept', epoch }));
        return;
      }
      case 'writeChain': {
        const { chain } = effect;
        const saved = chainFile.change(() => chain);
        this.#chains.set(
          chain,
          this.#write(saved, () => ({ kind: 'chainWritten', chain })),
        );
        return;
      }
      case 'drain': {
        const drained = actions.drain(effect.to, effect.reason);
        void this.#answer(drained, (ordinal) => ({ kind: 'drained', ordinal }));
        return;
      }
      case 'follow':
        actions.follow(effect.leader, effect.epoch);
        return;
      case 'feed':
      case 'lead':
      case 'serve':
        actions[effect.kind](effect.epoch);
        return;
      case 'suspend':
      case 'undrain':
        actions[effect.kind](effect.reason);
        return;
      case 'resume':
        actions.resume();
        return;
      case 'stepDown':
        actions.stepDown(effect.epoch, effect.reason);
        return;
      case 'announce':
        actions.announce(effect.entry, effect.isSettled);
        return;
      case 'said':
        this.#listener.said(effect.text);
        return;
      case 'refused':
        // Whoever asked is told.
        return;
    }
  }

  /** Resolves when the core has been told that this chain is on the disk, or when that has failed. */
  async written(chain: Chain): Promise<void> {
    await this.#chains.get(chain);
  }

  /** Resolves when no write is under way. */
  async idle(): Promise<void> {
    while (this.#writes.size > 0) await Promise.all(this.#writes);
  }

  #write(saved: Promise<void>, event: () => ElectionEvent): Promise<void> {
    const told = this.#answer(saved, event);
    this.#writes.add(told);
    void told.finally(() => this.#writes.delete(told));
    return told;
  }

  /** Never rejects. */
  #answer<T>(work: Promise<T>, event: (result: T) => ElectionEvent): Promise<void> {
    return work.then(
      (result) => this.#listener.answered(event(result)),
      (error: unknown) => this.#listener.failed(error),
    );
  }
}
