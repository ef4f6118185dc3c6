import type { Clock, Timer } from '../std/clock.js';
import { type SpoolState, writeState } from './state-file.js';
import type { Storage } from './storage.js';

/** Delay before a change is written. After a crash the previous state is valid too, only older. */
const DELAY_MS = 200;

export interface StateWriterModules {
  readonly storage: Storage;
  readonly clock: Clock;
  /** What is to be written now. */
  state(): SpoolState;
  /** The delay is over: `write` is to be called when nothing else is being done to the files. */
  due(): void;
}

/** Writes the spool's state file: at once where something depends on it, else some time after a change. */
export class StateWriter {
  readonly #directory: string;
  readonly #modules: StateWriterModules;
  #timer: Timer | null = null;
  #written = '';
  #stopped = false;

  constructor(directory: string, modules: StateWriterModules) {
    this.#directory = directory;
    this.#modules = modules;
  }

  soon(): void {
    if (this.#stopped) return;
    this.#timer ??= this.#modules.clock.setTimer(DELAY_MS, () => {
      this.#timer = null;
      this.#modules.due();
    });
  }

  async write({ durably }: { durably: boolean }): Promise<void> {
    const { storage } = this.#modules;
    const state = this.#modules.state();
    const text = JSON.stringify(state);
    if (text === this.#written && !durably) return;
    await writeState(storage, this.#directory, state);
    if (durably) await storage.syncDirectory(this.#directory);
    this.#written = text;
  }

  /** No delayed write follows. */
  stop(): void {
    this.#stopped = true;
    this.#modules.clock.clearTimer(this.#timer);
    this.#timer = null;
  }
}
