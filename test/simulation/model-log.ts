import type { Position } from '../../src/model/position.js';
import type { Group, NodeLog } from './groups.js';

/** What a log needs of the simulation. */
export interface LogWorld {
  /** Does this at some later moment, unless the process has ended by then. */
  later(label: string, action: () => void): void;
  /** More is durable. */
  moved(): void;
  random(): number;
}

/** A log in memory: what is appended is durable some time later, in batches, and what is not may be lost from its end. */
export class ModelLog implements NodeLog {
  readonly #world: LogWorld;
  readonly groups: Group[];
  durable: number;
  #isWriting = false;
  #waiting: (() => void)[] = [];

  constructor(world: LogWorld, groups: Group[] = []) {
    this.#world = world;
    this.groups = groups;
    this.durable = groups.length;
  }

  append(group: Group): void {
    this.groups.push(group);
    this.#write();
  }

  #write(): void {
    if (this.#isWriting || this.durable === this.groups.length) return;
    this.#isWriting = true;
    const target = this.groups.length;
    this.#world.later('fsync of the log', () => {
      this.#isWriting = false;
      this.durable = target;
      this.#world.moved();
      this.#write();
      if (!this.#isWriting) this.#wake();
    });
  }

  cut(after: Position, done: () => void): void {
    this.whenIdle(() => {
      this.#isWriting = true;
      this.#world.later('cut of the log', () => {
        this.#isWriting = false;
        this.groups.length = Math.min(this.groups.length, after.ordinal);
        this.durable = this.groups.length;
        this.#wake();
        done();
      });
    });
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const done of waiting) done();
  }

  whenIdle(done: () => void): void {
    if (this.#isWriting) this.#waiting.push(done);
    else done();
  }

  crash(_how: 'kill' | 'power', found: (log: NodeLog) => void): void {
    const extra = this.groups.length - this.durable;
    const kept = this.durable + Math.floor(this.#world.random() * (extra + 1));
    found(new ModelLog(this.#world, this.groups.slice(0, kept)));
  }
}

/** A small file that is replaced whole: after a crash it has the old or the new content. */
export class ModelFile<T> {
  readonly #world: Pick<LogWorld, 'later' | 'random'>;
  readonly #name: string;
  value: T;
  #saving: { value: T; done: () => void }[] = [];
  #waiting: (() => void)[] = [];

  constructor(world: Pick<LogWorld, 'later' | 'random'>, name: string, value: T) {
    this.#world = world;
    this.#name = name;
    this.value = value;
  }

  /** What it will have when all that is under way is done. */
  get latest(): T {
    return this.#saving.at(-1)?.value ?? this.value;
  }

  save(value: T, done: () => void): void {
    this.#saving.push({ value, done });
    if (this.#saving.length === 1) this.#next();
  }

  #next(): void {
    this.#world.later(`fsync of the ${this.#name}`, () => {
      const saved = this.#saving.shift();
      if (!saved) return;
      this.value = saved.value;
      if (this.#saving.length > 0) this.#next();
      saved.done();
      if (this.#saving.length > 0) return;
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const wake of waiting) wake();
    });
  }

  whenIdle(done: () => void): void {
    if (this.#saving.length > 0) this.#waiting.push(done);
    else done();
  }

  crash(): void {
    const [first] = this.#saving;
    if (first && this.#world.random() < 0.5) this.value = first.value;
    this.#saving = [];
    this.#waiting = [];
  }
}
