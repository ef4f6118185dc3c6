import type { ElectionDriver } from '../election/driver.js';
import { SkeinError } from '../model/error.js';
import type { ClusterStatus } from '../model/status.js';
import type { Switchover, SwitchoverOrder } from '../model/switchover.js';
import { monotonicMs } from '../std/clock.js';
import { type ServedHost, untilServed } from './until-served.js';

/** A transfer that goes wrong is given up, or another election is won, long before. */
const UNTIL_OPEN_MAX_MS = 60_000;

export interface SwitchingModules {
  readonly driver: Pick<ElectionDriver, 'transfer' | 'transferPlan' | 'role' | 'onChange'>;
  readonly host: ServedHost;
}

/** Hands the lead over as an operator wants it, and waits until another node serves. */
export class Switching {
  readonly #node: string;
  readonly #modules: SwitchingModules;

  constructor(node: string, modules: SwitchingModules) {
    this.#node = node;
    this.#modules = modules;
  }

  /**
   * Resolves when another node is open as the primary.
   * @throws SkeinError NOT_PRIMARY | ALREADY_PRIMARY | NO_TARGET | TRANSFER_RUNNING: nothing has changed
   * @throws SkeinError SWITCHOVER_FAILED: this node has kept the lead, or won it again
   * @throws SkeinError SWITCHOVER_UNFINISHED: it gave up the lead, and no other node has opened in time
   */
  async order({ to, dryRun }: SwitchoverOrder, signal: AbortSignal): Promise<Switchover> {
    const { driver } = this.#modules;
    const { kind, epoch } = driver.role;
    const plan = kind === 'leader' ? driver.transferPlan(to) : null;
    if (plan === null) throw new SkeinError('NOT_PRIMARY', 'This node is not the primary.');
    if (to === this.#node)
      throw new SkeinError('ALREADY_PRIMARY', `${to} is the primary already. Nothing was changed.`);
    const from = this.#node;
    if (dryRun) return { dryRun, from, to: plan.to, epoch, pauseMs: null, against: [...plan.against] };
    const beganMs = monotonicMs();
    await driver.transfer(to);
    const now = await this.#untilOpen(epoch, signal);
    const pauseMs = Math.round(monotonicMs() - beganMs);
    return { dryRun, from, to: now.primary, epoch: now.epoch, pauseMs, against: [] };
  }

  /** `epoch`: the one in which this node was the primary. */
  async #untilOpen(epoch: number, signal: AbortSignal): Promise<ClusterStatus> {
    const { host } = this.#modules;
    const wait = { before: epoch, maxMs: UNTIL_OPEN_MAX_MS, isOver: () => this.#hasKept(epoch) };
    if (!(await untilServed(this.#modules, wait, signal)))
      throw new SkeinError(
        'SWITCHOVER_UNFINISHED',
        `This node gave up the lead, and no other node has opened as the primary for ${UNTIL_OPEN_MAX_MS / 1000} s. See skein status.`,
      );
    const status = host.clusterStatus();
    if (this.#hasKept(epoch) || status.primary === this.#node)
      throw new SkeinError(
        'SWITCHOVER_FAILED',
        `${this.#node} is still the primary. Its events of kind "election" say why.`,
      );
    return status;
  }

  #hasKept(epoch: number): boolean {
    const { role } = this.#modules.driver;
    return role.kind === 'leader' && role.epoch === epoch && role.transferTo === null;
  }
}
