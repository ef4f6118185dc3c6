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

/** File systems of single nodes. null: none was asked for, or mounting is not permitted here. */
export class NodeDisks {
  readonly #spools = new Map<string, SmallDisk>();
  readonly #small = new Map<string, SmallDisk>();
  readonly #slow = new Map<string, SlowDisk>();

  /** Before anything is in the directories of the nodes. */
  mount(nodes: readonly Home[], { smallSpools, smallDisks, slowDisks }: DiskOptions): void {
    for (const { name, directory } of nodes) {
      if (smallDisks?.nodes.includes(name))
        keep(this.#small, name, SmallDisk.mount(directory, smallDisks.bytes));
      if (slowDisks?.includes(name)) keep(this.#slow, name, SlowDisk.mount(directory));
      if (smallSpools?.nodes.includes(name))
        keep(this.#spools, name, SmallDisk.mount(join(directory, 'spool'), smallSpools.bytes));
    }
  }

  spool(node: string): SmallDisk | null {
    return this.#spools.get(node) ?? null;
  }

  small(node: string): SmallDisk | null {
    return this.#small.get(node) ?? null;
  }

  slow(node: string): SlowDisk | null {
    return this.#slow.get(node) ?? null;
  }

  unmount(): void {
    for (const disks of [this.#spools, this.#small, this.#slow])
      for (const disk of disks.values()) disk.unmount();
  }
}

function keep<T>(disks: Map<string, T>, name: string, disk: T | null): void {
  if (disk) disks.set(name, disk);
}
