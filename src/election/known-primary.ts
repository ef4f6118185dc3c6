import { Emitter } from '../std/emitter.js';
import type { RoleView } from './role-view.js';

export interface Primary {
  readonly name: string;
  /** For which it was elected. */
  readonly epoch: number;
}

/**
 * To which primary this node leads clients. Null while none is known, and from the moment at which the link of the primary
 * ended until that primary is heard again: nobody is sent to a primary that is probably dead. Epochs only grow.
 */
export class KnownPrimary {
  readonly onChange = new Emitter<void>();
  readonly #node: string;
  #epoch = 0;
  #view: Primary | null = null;
  #current: Primary | null = null;
  #hasLinkEnded = false;

  constructor(node: string) {
    this.#node = node;
  }

  get current(): Primary | null {
    return this.#current;
  }

  roleChanged({ leader, epoch }: RoleView): void {
    if (epoch < this.#epoch) return;
    if (epoch > this.#epoch || leader !== this.#view?.name) this.#hasLinkEnded = false;
    this.#epoch = epoch;
    this.#view = leader === null ? null : { name: leader, epoch };
    this.#update();
  }

  linkEnded(peer: string): void {
    if (peer !== this.#view?.name || peer === this.#node) return;
    this.#hasLinkEnded = true;
    this.#update();
  }

  heard(peer: string): void {
    if (!this.#hasLinkEnded || peer !== this.#view?.name) return;
    this.#hasLinkEnded = false;
    this.#update();
  }

  #update(): void {
    const next = this.#hasLinkEnded ? null : this.#view;
    const before = this.#current;
    if (next?.name === before?.name && next?.epoch === before?.epoch) return;
    this.#current = next;
    this.onChange.emit();
  }
}
