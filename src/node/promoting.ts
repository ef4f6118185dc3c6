import type { ElectionDriver } from '../election/driver.js';
import { lossesOf } from '../election/force-losses.js';
import type { EventLog } from '../events/event-log.js';
import { SkeinError } from '../model/error.js';
import type { Promotion, PromotionOrder } from '../model/promotion.js';
import { type ServedHost, untilServed } from './until-served.js';

/** Its server has to execute the rest of the log. */
const UNTIL_OPEN_MAX_MS = 60_000;

export interface PromotingModules {
  readonly driver: Pick<ElectionDriver, 'force' | 'forcePlan' | 'onChange'>;
  readonly host: ServedHost;
  readonly events: Pick<EventLog, 'add'>;
}

/** Makes this node the primary without the votes of a majority, as an operator wants it, and waits until it serves. */
export class Promoting {
  readonly #own: { readonly name: string; readonly cluster: string };
  readonly #modules: PromotingModules;

  constructor(own: { readonly name: string; readonly cluster: string }, modules: PromotingModules) {
    this.#own = own;
    this.#modules = modules;
  }

  /**
   * Without `confirm` it resolves with what would happen, and with what is given up. Else it resolves when this node is open.
   * @throws SkeinError OTHER_CLUSTER: `confirm` is not the name of this cluster; nothing has changed
   * @throws SkeinError FORCE_NOT_NEEDED | FORCE_LOG_SHORTER | FORCE_IMPOSSIBLE: nothing has changed
   * @throws SkeinError FORCE_UNFINISHED: the epoch has begun or is about to, and this node has not opened in time
   */
  async order({ confirm, withShorterLog }: PromotionOrder, signal: AbortSignal): Promise<Promotion> {
    const { driver, events, host } = this.#modules;
    const plan = driver.forcePlan(withShorterLog);
    if (plan === null)
      throw new SkeinError('FORCE_IMPOSSIBLE', 'The election of this node has not begun. Try again.');
    const { name: node, cluster } = this.#own;
    if (confirm !== null && confirm !== cluster)
      throw new SkeinError(
        'OTHER_CLUSTER',
        `${node} is a node of the cluster ${cluster}, not of ${confirm}. Nothing was changed. Is SKEIN_URL, or --node, the one that you mean?`,
      );
    const { epoch, position, refusals } = plan;
    const after = position.ordinal;
    const told = new Map(
      host.clusterStatus().members.map(({ name, positions }) => [name, positions.durable] as const),
    );
    const losses = lossesOf(node, plan, told);
    const order = { cluster, node, epoch, after, losses, refusals: [...refusals] };
    if (confirm === null) return { ...order, done: false };
    await driver.force(withShorterLog);
    events.add(
      'election.forced',
      node,
      `An operator makes ${node} the primary by force, in epoch ${epoch}, without the votes of a majority. ${losses.join(' ')}`,
      { epoch, after },
    );
    const wait = { before: (epoch ?? 0) - 1, maxMs: UNTIL_OPEN_MAX_MS, isOver: () => false };
    const isOpen = await untilServed(this.#modules, wait, signal);
    const { primary } = host.clusterStatus();
    if (!isOpen || primary !== node)
      throw new SkeinError(
        'FORCE_UNFINISHED',
        `${node} was ordered to begin epoch ${epoch} by force, and ${isOpen ? `${primary} is the primary now` : `it has not opened as the primary for ${UNTIL_OPEN_MAX_MS / 1000} s`}. See skein status, and its events of kind "election".`,
      );
    return { ...order, done: true };
  }
}
