import { join } from 'node:path';
import { SlowDisk } from './slow-disk.js';
import { SmallDisk } from './small-disk.js';

export interface DiskOptions {
  /** The spools of these nodes on small file systems of their own (`cluster.disks.spool('n1')`), where mounting is permitted. */
  smallSpools?: { nodes: string[]; bytes: number };
  /** Everything of these nodes on small file systems of their own (`cluster.disks.small('n1')`), where mounting is permitted. */
  smallDisks?: { nodes: string[]; bytes: number };
  /** Everything of these nodes on file systems that can be stalled (`cluster.disks.slow('n1')`), where mounting is permitted. */
  slowDisks?: string[];
}

interface Home {
  readonly name: string;
  readonly directory: string;
}

/** File systems of single nodes. Null: mounting is not permitted here. A test that asks for none has a mistake, and is told. */
export class NodeDisks {
  readonly #spools = new Map<string, SmallDisk | null>();
  readonly #small = new Map<string, SmallDisk | null>();
  readonly #slow = new Map<string, SlowDisk | null>();

  /** Before anything is in the directories of the nodes. */
  mount(nodes: readonly Home[], { smallSpools, smallDisks, slowDisks }: DiskOptions): void {
    for (const { name, directory } of nodes) {
      if (smallDisks?.nodes.includes(name))
        this.#small.set(name, SmallDisk.mount(directory, smallDisks.bytes));
      if (slowDisks?.includes(name)) this.#slow.set(name, SlowDisk.mount(directory));
      if (smallSpools?.nodes.includes(name))
        this.#spools.set(name, SmallDisk.mount(join(directory, 'spool'), smallSpools.bytes));
    }
  }

  spool(node: string): SmallDisk | null {
    return askedFor(this.#spools, node);
  }

  small(node: string): SmallDisk | null {
    return askedFor(this.#small, node);
  }

  slow(node: string): SlowDisk | null {
    return askedFor(this.#slow, node);
  }

  unmount(): void {
    for (const disks of [this.#spools, this.#small, this.#slow])
      for (const disk of disks.values()) disk?.unmount();
  }
}

function askedFor<T>(disks: ReadonlyMap<string, T>, node: string): T {
  if (!disks.has(node)) throw new Error(`the cluster was started without such a disk of ${node}`);
  return disks.get(node) as T;
}
