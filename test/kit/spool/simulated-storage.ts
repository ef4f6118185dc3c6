import { dirname } from 'node:path';
import type { Storage, StorageFile } from '../../../src/spool/storage.js';

/**
 * A disk in memory that keeps no more than it must. What was written is only in the cache until a sync; what was
 * created, renamed or removed is only in the cache until its directory is synced. At a power cut each page that was
 * not synced is kept, lost, or torn, at the dice's choice, and so is each change to a directory. It can be full and it
 * can fail a sync, after which, like Linux, it holds the pages for clean: reads show them, the disk has them not.
 */
export interface SimulatedDisk {
  /** Numbers in [0, 1); all chances of the disk come from here. */
  readonly random: () => number;
  /** Bytes that fit on it; null = no end. */
  readonly capacityBytes?: number | null;
}

const PAGE_BYTES = 4096;

function padded(bytes: Buffer, size: number): Buffer {
  return bytes.length === size ? bytes : Buffer.concat([bytes], size);
}

class Inode {
  cached: Buffer = Buffer.alloc(0);
  disk: Buffer = Buffer.alloc(0);
  /** Pages that differ from the disk and will be written by the next sync. */
  readonly dirty = new Set<number>();
  sizeDirty = false;

  write(bytes: Buffer, position: number): void {
    const end = position + bytes.length;
    if (end > this.cached.length) this.resize(end);
    bytes.copy(this.cached, position);
    for (let page = pageOf(position); page <= pageOf(end - 1); page++) this.dirty.add(page);
  }

  resize(size: number): void {
    const next = Buffer.alloc(size);
    this.cached.copy(next);
    this.cached = next;
    this.sizeDirty = true;
    if (size > 0) this.dirty.add(pageOf(size - 1));
  }

  sync(): void {
    // Only pages known as dirty: those that a failed sync gave up stay lost.
    const next = Buffer.alloc(this.cached.length);
    this.disk.copy(next);
    for (const page of this.dirty) this.#copyPage(page, next);
    this.disk = next;
    this.clean();
  }

  clean(): void {
    this.dirty.clear();
    this.sizeDirty = false;
  }

  /** Zeros at the end say nothing: whether the room for records to come is on the disk does not matter. */
  get isSynced(): boolean {
    const size = Math.max(this.cached.length, this.disk.length);
    return padded(this.cached, size).equals(padded(this.disk, size));
  }

  /** What a power cut leaves. */
  afterPowerCut(random: () => number): Inode {
    const left = new Inode();
    left.disk = this.sizeDirty || this.dirty.size > 0 ? this.#torn(random) : Buffer.from(this.disk);
    left.cached = Buffer.from(left.disk);
    return left;
  }

  #torn(random: () => number): Buffer {
    const [low, high] = [this.disk.length, this.cached.length].sort((a, b) => a - b) as [number, number];
    const chance = random();
    // Nothing, everything, or up to some byte; the latter two with or without holes.
    const size =
      chance < 0.2 ? this.disk.length : chance < 0.4 ? this.cached.length : between(random, low, high);
    const next = Buffer.alloc(size);
    this.disk.copy(next);
    const losesPages = random() < 0.5;
    if (size === this.disk.length && chance < 0.2) return next;
    for (const page of this.dirty) if (!losesPages || random() < 0.5) this.#copyPage(page, next);
    return next;
  }

  #copyPage(page: number, target: Buffer): void {
    const from = page * PAGE_BYTES;
    if (from >= target.length) return;
    this.cached.copy(target, from, from, Math.min(from + PAGE_BYTES, this.cached.length, target.length));
  }
}

const pageOf = (offset: number): number => Math.floor(offset / PAGE_BYTES);
const between = (random: () => number, low: number, high: number): number =>
  low + Math.floor(random() * (high - low + 1));

/** A change to names that its directory was not synced after. */
type Change = { directory: string; apply: (names: Map<string, Inode>) => void };

export class SimulatedStorage implements Storage {
  readonly #disk: SimulatedDisk;
  #names = new Map<string, Inode>();
  #namesOnDisk = new Map<string, Inode>();
  #changes: Change[] = [];
  #directories = new Set<string>();
  #off = false;
  #failSyncs = 0;
  #capacityBytes: number | null;
  /** Counts for tests: how often it was asked to sync. */
  syncs = 0;

  constructor(disk: SimulatedDisk) {
    this.#disk = disk;
    this.#capacityBytes = disk.capacityBytes ?? null;
  }

  /** The next `count` syncs of files fail with EIO. */
  failSyncs(count: number): void {
    this.#failSyncs = count;
  }

  limitTo(bytes: number | null): void {
    this.#capacityBytes = bytes;
  }

  get usedBytes(): number {
    let sum = 0;
    for (const inode of new Set(this.#names.values())) sum += inode.cached.length;
    return sum;
  }

  /** Whatever runs on this disk stops here; the answer is the disk as it is found after. */
  powerCut(): SimulatedStorage {
    this.#off = true;
    const next = new SimulatedStorage({ ...this.#disk, capacityBytes: this.#capacityBytes });
    const names = new Map(this.#namesOnDisk);
    const inOrder = this.#disk.random() < 0.5;
    for (const change of this.#changes) {
      if (this.#disk.random() < 0.5) change.apply(names);
      else if (inOrder) break;
    }
    const left = new Map<Inode, Inode>();
    for (const [name, inode] of names) {
      const after = left.get(inode) ?? inode.afterPowerCut(this.#disk.random);
      left.set(inode, after);
      next.#names.set(name, after);
    }
    next.#namesOnDisk = new Map(next.#names);
    next.#directories = new Set(this.#directories);
    return next;
  }

  /** The process ends, the system stays up: nothing is lost from the cache, but old handles are dead. */
  processKill(): SimulatedStorage {
    this.#off = true;
    const next = new SimulatedStorage({ ...this.#disk, capacityBytes: this.#capacityBytes });
    next.#names = this.#names;
    next.#namesOnDisk = this.#namesOnDisk;
    next.#changes = this.#changes;
    next.#directories = this.#directories;
    return next;
  }

  /** For damage on purpose: the bytes of a file on the disk and in the cache alike. */
  alter(path: string, change: (bytes: Buffer) => Buffer): void {
    const inode = this.#inode(path);
    inode.cached = Buffer.from(change(Buffer.from(inode.cached)));
    inode.disk = Buffer.from(inode.cached);
    inode.clean();
  }

  /** Removes a name for good, as if by hand. */
  destroy(path: string): void {
    this.#names.delete(path);
    this.#namesOnDisk.delete(path);
  }

  bytesOf(path: string): Buffer {
    return this.#inode(path).cached;
  }

  /** Whether the disk has all of a file. */
  isSynced(path: string): boolean {
    const inode = this.#inode(path);
    return inode.isSynced && this.#namesOnDisk.get(path) === inode;
  }

  paths(): string[] {
    return [...this.#names.keys()].sort();
  }

  async open(path: string, mode: 'read' | 'write' | 'create'): Promise<StorageFile> {
    await this.#turn();
    const found = this.#names.get(path);
    if (mode !== 'create') return this.#handle(this.#inode(path));
    if (found) throw osError('EEXIST', path);
    const inode = new Inode();
    this.#change(path, (names) => names.set(path, inode));
    return this.#handle(inode);
  }

  async list(directory: string): Promise<string[]> {
    await this.#turn();
    const prefix = `${directory}/`;
    return [...this.#names.keys()]
      .filter((path) => path.startsWith(prefix))
      .map((path) => path.slice(prefix.length));
  }

  async makeDirectory(path: string): Promise<void> {
    await this.#turn();
    this.#directories.add(path);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#turn();
    const inode = this.#inode(from);
    this.#change(to, (names) => {
      names.delete(from);
      names.set(to, inode);
    });
  }

  async unlink(path: string): Promise<void> {
    await this.#turn();
    this.#inode(path);
    this.#change(path, (names) => names.delete(path));
  }

  async syncDirectory(path: string): Promise<void> {
    await this.#turn();
    this.syncs += 1;
    for (const change of this.#changes) if (change.directory === path) change.apply(this.#namesOnDisk);
    this.#changes = this.#changes.filter((change) => change.directory !== path);
  }

  #handle(inode: Inode): StorageFile {
    const handle: StorageFile = {
      size: async () => {
        await this.#turn();
        return inode.cached.length;
      },
      read: async (target, position) => {
        await this.#turn();
        if (position >= inode.cached.length) return 0;
        return inode.cached.copy(target, 0, position);
      },
      write: async (buffers, position) => {
        await this.#turn();
        let at = position;
        for (const buffer of buffers) {
          if (buffer.length === 0) continue;
          const room = this.#room(inode, at + buffer.length);
          const fits = Math.min(buffer.length, room);
          if (fits > 0) inode.write(buffer.subarray(0, fits), at);
          if (fits < buffer.length) throw osError('ENOSPC', 'write');
          at += buffer.length;
          // A power cut may come between any two buffers.
          if (this.#disk.random() < 0.1) await this.#turn();
        }
        await this.#turn();
      },
      datasync: async () => {
        await this.#turn();
        this.syncs += 1;
        if (this.#failSyncs > 0) {
          this.#failSyncs -= 1;
          inode.clean();
          throw osError('EIO', 'fdatasync');
        }
        inode.sync();
        await this.#turn();
      },
      writeDurably: async (buffers, position) => {
        await handle.write(buffers, position);
        await handle.datasync();
      },
      truncate: async (size) => {
        await this.#turn();
        inode.resize(size);
      },
      close: async () => {},
    };
    return handle;
  }

  /** Bytes of the write that ends at `end` which still fit. */
  #room(inode: Inode, end: number): number {
    if (this.#capacityBytes === null) return Number.MAX_SAFE_INTEGER;
    const grows = Math.max(0, end - inode.cached.length);
    const free = Math.max(0, this.#capacityBytes - this.usedBytes);
    return grows <= free ? Number.MAX_SAFE_INTEGER : free;
  }

  #change(path: string, apply: (names: Map<string, Inode>) => void): void {
    apply(this.#names);
    this.#changes.push({ directory: dirname(path), apply });
  }

  #inode(path: string): Inode {
    const inode = this.#names.get(path);
    if (!inode) throw osError('ENOENT', path);
    return inode;
  }

  /** Takes some turns of the micro-task queue, so that things overlap in many ways, and stops when the power is off. */
  async #turn(): Promise<void> {
    this.#check();
    for (let turns = between(this.#disk.random, 0, 3); turns > 0; turns--) {
      await Promise.resolve();
      this.#check();
    }
  }

  #check(): void {
    if (this.#off) throw osError('EPOWER', 'the power is off');
  }
}

function osError(code: string, what: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${what}`), { code });
}

/** A small seeded generator (mulberry32): the same seed, the same schedule. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}
