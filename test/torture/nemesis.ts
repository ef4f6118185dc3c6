import { sleep } from '../../src/std/timing.js';
import type { TestCluster } from '../kit/cluster.js';
import type { Random } from '../kit/random.js';
import { drawFault, type Fault } from './faults.js';
import type { History } from './history.js';

/** One fault, or a pair, and what the clients felt of it. */
export interface Round {
  readonly faults: readonly { kind: string; on: string; node: string; holdMs: number }[];
  /** The longest time in which no write of any client was acknowledged, until writes were taken again for good. */
  readonly pauseMs: number;
}

export interface NemesisOptions {
  readonly random: Random;
  readonly nodes: number;
  readonly durationMs: number;
  /** Chance of a pair. */
  readonly pairs: number;
  /** Resolves when so many further writes were acknowledged; rejects when that takes too long. */
  progress(writes: number, deadlineMs: number): Promise<void>;
}

/** Writes after a round: proof that the cluster serves again, and something to lose in the next one. */
const WRITES_BETWEEN = 30;
/**
 * A cluster whose faults are over serves within a second or two, and an old primary whose server died is filled meanwhile. On a
 * machine that other programs load twenty times over, both can take minutes; the report has the pause of each round.
 */
const SERVES_WITHIN_MS = 180_000;
export const READY_WITHIN_MS = 300_000;
/** Rounds, until all nodes must be healthy again: those between meet nodes that are being filled, or have just come back. */
const ROUNDS_UNTIL_READY = 4;

/** Does one thing after the other to the cluster. A cluster that does not come back is a violation, and ends the run. */
export class Nemesis {
  readonly rounds: Round[] = [];
  readonly #cluster: TestCluster;
  readonly #history: History;
  readonly #options: NemesisOptions;

  constructor(cluster: TestCluster, history: History, options: NemesisOptions) {
    this.#cluster = cluster;
    this.#history = history;
    this.#options = options;
  }

  async run(): Promise<void> {
    const { random, durationMs, progress } = this.#options;
    await progress(WRITES_BETWEEN, SERVES_WITHIN_MS);
    while (this.#history.nowMs < durationMs) {
      const faults = this.#draw();
      const fromMs = this.#history.nowMs;
      const hit = await Promise.all(faults.map(({ fault, afterMs }) => this.#inflict(fault, afterMs)));
      await progress(WRITES_BETWEEN, SERVES_WITHIN_MS);
      const round = { faults: hit, pauseMs: Math.round(this.#history.pauseSince(fromMs)) };
      this.rounds.push(round);
      this.#history.record('round', round);
      console.log(`${Math.round(this.#history.nowMs / 1000)} s: ${describeRound(round)}`);
      if (this.rounds.length % ROUNDS_UNTIL_READY === 0) await this.allReady();
      else await sleep(random.int(0, 1_500));
    }
    await this.allReady();
  }

  async allReady(): Promise<void> {
    await Promise.all(this.#cluster.nodes.map((node) => node.untilReady(READY_WITHIN_MS)));
  }

  #draw(): { fault: Fault; afterMs: number }[] {
    const { random, nodes, pairs } = this.#options;
    const alone = !random.chance(pairs);
    const first = { fault: drawFault(random, nodes, { alone }), afterMs: 0 };
    if (alone) return [first];
    return [
      first,
      { fault: drawFault(random, nodes, { alone }), afterMs: random.pick([0, 100, 700, 2_000]) },
    ];
  }

  async #inflict({ kind, on, holdMs, begin }: Fault, afterMs: number): Promise<Round['faults'][number]> {
    await sleep(afterMs);
    this.#history.record('fault', { kind, on, holdMs });
    const { node, answer, end } = await begin(this.#cluster);
    this.#history.record('fault begun', { kind, node, answer });
    await sleep(holdMs);
    await end();
    this.#history.record('fault over', { kind, node });
    return { kind, on, node, holdMs };
  }
}

export function describeRound({ faults, pauseMs }: Round): string {
  const each = faults.map(({ kind, on, node, holdMs }) => {
    const where = on === 'all' ? '' : `, ${on} (${node})`;
    return `${kind}${where}${holdMs > 0 ? `, ${holdMs} ms` : ''}`;
  });
  return `${each.join(' + ')}: nothing acknowledged for ${pauseMs} ms`;
}
