import type { Group } from './groups.js';

export class Violation extends Error {}

/**
 * What must hold after every step, whatever happened. The judge sees everything at once, and the hidden values,
 * which no node can.
 *
 *  I1 one campaign is elected in an epoch, and only its node acknowledges in it
 *  I2 an acknowledged group is in every later primary, and no cut drops it
 *  I3 what a server executed is in every later primary, and the same everywhere
 *  I4 what counts as committed is durable on a majority of the voters
 *  I5 epochs and promises only grow, also over restarts
 *  I6 logs that hold the same (epoch, ordinal) are equal up to there
 *  I8 a linearizable read sees all that was acknowledged before it began
 */
export class Judge {
  /** By ordinal - 1: acknowledged to a client. */
  readonly acknowledged: Group[] = [];
  readonly committed: Group[] = [];
  readonly executed: Group[] = [];
  readonly #elected = new Map<number, string>();
  readonly #acknowledgers = new Map<number, string>();
  readonly #promises = new Map<string, number>();
  readonly #known = new Map<string, { value: number; before: Group | undefined }>();
  acknowledgedEnd = 0;
  elections = 0;

  fail(invariant: string, text: string): never {
    throw new Violation(`${invariant}: ${text}`);
  }

  elects(epoch: number, node: string, campaign: string): void {
    const name = `${node} ${campaign}`;
    const other = this.#elected.get(epoch);
    if (other !== undefined && other !== name)
      this.fail('I1', `${name} is elected for epoch ${epoch}, and so was ${other}`);
    if (other === undefined) this.elections++;
    this.#elected.set(epoch, name);
  }

  /** The node leads: its log is the cluster's from now on. */
  leads(node: string, epoch: number, log: readonly Group[]): void {
    for (const [index, group] of this.acknowledged.entries())
      if (group && log[index]?.value !== group.value)
        this.fail('I2', `${node} leads epoch ${epoch} without the acknowledged ${name(group)}`);
    for (const [index, group] of this.executed.entries())
      if (group && log[index]?.value !== group.value)
        this.fail('I3', `${node} leads epoch ${epoch} without ${name(group)}, which a server has executed`);
  }

  appends(node: string, log: readonly Group[], group: Group): void {
    const before = log[group.ordinal - 2];
    const known = this.#known.get(group.gtid);
    if (known === undefined) this.#known.set(group.gtid, { value: group.value, before });
    else if (known.value !== group.value || known.before?.value !== before?.value)
      this.fail('I6', `${node} appends another ${name(group)} than a node before it, or after another one`);
  }

  cuts(node: string, log: readonly Group[], after: number): void {
    for (let index = after; index < log.length; index++) {
      const group = log[index];
      if (group && this.acknowledged[index]?.value === group.value)
        this.fail('I2', `${node} cuts the acknowledged ${name(group)}`);
    }
  }

  /** `holders`: voters with it on their disk; `needed`: of each list. */
  commits(node: string, group: Group, hasMajority: boolean): void {
    if (!hasMajority)
      this.fail('I4', `${node} counts ${name(group)} as committed, and it is not durable on a majority`);
    const other = this.committed[group.ordinal - 1];
    if (other && other.value !== group.value)
      this.fail('I2', `${node} counts ${name(group)} as committed in the place of ${name(other)}`);
    this.committed[group.ordinal - 1] = group;
  }

  acknowledges(node: string, epoch: number, group: Group): void {
    const other = this.#acknowledgers.get(epoch);
    if (other !== undefined && other !== node)
      this.fail('I1', `${node} and ${other} acknowledge in epoch ${epoch}`);
    this.#acknowledgers.set(epoch, node);
    if (this.committed[group.ordinal - 1]?.value !== group.value)
      this.fail('I2', `${node} acknowledges ${name(group)}, which is not committed`);
    this.acknowledged[group.ordinal - 1] = group;
    this.acknowledgedEnd = Math.max(this.acknowledgedEnd, group.ordinal);
  }

  executes(node: string, group: Group): void {
    const known = this.executed[group.ordinal - 1];
    if (known && known.value !== group.value)
      this.fail('I3', `${node} executes ${name(group)}, and another server has executed ${name(known)}`);
    if (this.committed[group.ordinal - 1]?.value !== group.value)
      this.fail('I4', `${node} executes ${name(group)}, which is not committed`);
    this.executed[group.ordinal - 1] = group;
  }

  promises(disk: string, epoch: number): void {
    const before = this.#promises.get(disk) ?? 0;
    if (epoch < before) this.fail('I5', `${disk} has promised epoch ${before}, and now shows ${epoch}`);
    this.#promises.set(disk, epoch);
  }

  /** `seen`: the acknowledged end when the read began. */
  reads(node: string, visible: readonly Group[], seen: number): void {
    for (let index = 0; index < seen; index++) {
      const group = this.acknowledged[index];
      if (group && visible[index]?.value !== group.value)
        this.fail('I8', `a linearizable read on ${node} does not see the acknowledged ${name(group)}`);
    }
  }
}

function name(group: Group): string {
  return `group ${group.epoch}/${group.ordinal} (value ${group.value})`;
}
