import type { ElectionActions, ElectionFacts } from '../election/actions.js';
import type { Fitness } from '../election/state.js';
import { type ChainEntry, currentEpoch } from '../model/chain.js';
import { messageOf, SkeinError } from '../model/error.js';
import type { Position } from '../model/position.js';
import type { ElectedTerm } from './primary/elected-term.js';
import { PrimaryNode } from './primary/primary-node.js';
import type { Assignment, NodeParts, RoleScope } from './role-node.js';

/** The part of the RoleHost that an election changes. */
export interface ElectedHost {
  readonly scope: RoleScope;
  change(next: Assignment): Promise<void>;
}

/** Does with the node's roles what its election wants. Changes of the role are done one after the other. */
export class ElectedRoles implements ElectionActions, ElectionFacts {
  readonly #parts: NodeParts;
  readonly #host: ElectedHost;
  #turns: Promise<void> = Promise.resolve();
  /** A change of the role for an older epoch is not begun any more. */
  #epoch = 0;

  constructor(parts: NodeParts, host: ElectedHost) {
    this.#parts = parts;
    this.#host = host;
  }

  // --- facts ---------------------------------------------------------------------------------------------------

  log(): Position {
    return this.#parts.spool.durable;
  }

  applied(): number {
    return this.#host.scope.positions().applied;
  }

  fitness(): Fitness {
    const { config, maintenance } = this.#parts;
    return {
      ...this.#host.scope.fitness,
      abstains: this.#abstains,
      maintenance: maintenance.isOn,
      priority: config.priority,
    };
  }

  /** A log of which it is not known where it stands neither votes nor is voted for (rules C6, H2). */
  get #abstains(): string | null {
    const { spool, chainFile } = this.#parts;
    if (spool.damage !== null)
      return `Its spool is damaged (${spool.damage.reason}), so it may lack what it has acknowledged.`;
    const [known, epoch] = [currentEpoch(chainFile.chain), spool.end.epoch];
    if (spool.end.ordinal === 0 || epoch <= known) return null;
    return `Its spool has records of epoch ${epoch}, and its history (state/chain.json) ends with epoch ${known}: that file is an older one.`;
  }

  /** Whether no newer epoch was promised (rule H1). */
  isCurrent(epoch: number): boolean {
    return epoch === this.#epoch;
  }

  // --- actions -------------------------------------------------------------------------------------------------

  async settleLog(epoch: number): Promise<void> {
    this.#epoch = epoch;
    await this.#host.scope.endLinks(`epoch ${epoch} begins`);
    await this.#parts.spool.flush();
  }

  follow(primary: string, epoch: number): void {
    this.#epoch = epoch;
    this.#turn(epoch, () => this.#host.change({ kind: 'replica', primary, epoch }));
  }

  feed(epoch: number): void {
    this.#epoch = epoch;
    this.#turn(epoch, () => this.#host.change({ kind: 'primary', epoch }));
  }

  lead(epoch: number): void {
    this.#turn(epoch, async () => this.#primary?.led());
  }

  serve(epoch: number): void {
    this.#turn(epoch, async () => this.#primary?.term(epoch)?.serve());
  }

  suspend(reason: string): void {
    this.#term?.suspend(reason);
  }

  resume(): void {
    this.#term?.resume();
  }

  async drain(to: string): Promise<number | null> {
    const term = this.#term;
    return term === null ? this.#parts.spool.end.ordinal : term.drain(to);
  }

  undrain(): void {
    void this.#term?.undrain();
  }

  stepDown(epoch: number, reason: string): void {
    void this.#primary?.endLinks(reason);
    // Whatever epoch has begun meanwhile: this role has to end.
    this.#turn(Number.POSITIVE_INFINITY, async () => {
      if (this.#primary?.termEpoch === epoch) await this.#host.change({ kind: 'replica', primary: null });
    });
  }

  announce(_entry: ChainEntry, isSettled: boolean): void {
    this.#primary?.announced(isSettled);
  }

  get #primary(): PrimaryNode | null {
    const { scope } = this.#host;
    return scope instanceof PrimaryNode ? scope : null;
  }

  get #term(): ElectedTerm | null {
    return this.#primary?.term(this.#epoch) ?? null;
  }

  #turn(epoch: number, work: () => Promise<void>): void {
    this.#turns = this.#turns
      .then(async () => {
        if (epoch >= this.#epoch) await work();
      })
      .catch((error: unknown) => {
        const message = `The role of this node could not be changed: ${messageOf(error)}`;
        this.#parts.fail(new SkeinError('ROLE_CHANGE_FAILED', message, { cause: error }));
      });
  }

  /** Resolves when no change of the role is under way. */
  idle(): Promise<void> {
    return this.#turns;
  }
}
