import { copyFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Static, TSchema } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { readFileIfThere, replaceFile, sweepTemporary, syncPath } from './files.js';
import type { Logger } from './logger.js';

export interface Damage {
  readonly path: string;
  /** For people: why the content cannot be used. */
  readonly reason: string;
}

/**
 * What to do with a file that exists but cannot be used. A file that cannot be read at all (no permission, a disk error) is
 * neither missing nor damaged: `load` throws then.
 */
export type DamagePolicy =
  /** `load` throws this error. For state on which decisions about data depend, and for files that operators edit. */
  | { readonly refuse: (damage: Damage) => Error }
  /** The file counts as missing, and the log says so. For state that can be found out or chosen again. */
  | { readonly startOver: Logger };

export interface StateFileOptions<S extends TSchema, M> {
  readonly path: string;
  readonly schema: S;
  /** The value of `load` when there is no file. */
  readonly missing: M;
  readonly onDamage: DamagePolicy;
  /** False: after a power cut an older content may be there, or none. */
  readonly durable?: boolean;
  readonly mode?: number;
}

/**
 * A small JSON file that one process writes. A reader, and a crash, see the old or the new content whole. A damaged file that
 * counted as missing is kept as `<path>.damaged` when the next content replaces it.
 */
export class StateFile<S extends TSchema, M> {
  readonly path: string;
  readonly #options: StateFileOptions<S, M>;
  #damaged = false;
  #swept = false;
  #saving: Promise<void> = Promise.resolve();

  constructor(options: StateFileOptions<S, M>) {
    this.path = options.path;
    this.#options = options;
  }

  /** @throws what the damage policy refuses with, and errors of the file system */
  async load(): Promise<Static<S> | M> {
    const { path } = this;
    const { schema, missing, onDamage } = this.#options;
    this.#damaged = false;
    const read = await readStateFile(path, schema);
    if (read.kind === 'found') return read.value;
    if (read.kind === 'missing') return missing;
    const { reason } = read;
    if ('refuse' in onDamage) throw onDamage.refuse({ path, reason });
    this.#damaged = true;
    onDamage.startOver.warn({ path, reason }, 'a damaged state file is taken for a missing one');
    return missing;
  }

  /**
   * Resolves when the value is written (and on the disk, if durable). Calls are executed one after the other, so the last one
   * wins.
   */
  save(value: Static<S>): Promise<void> {
    const saved = this.#saving.then(() => this.#save(value));
    this.#saving = saved.catch(() => {});
    return saved;
  }

  async #keepDamaged(): Promise<void> {
    try {
      await copyFile(this.path, `${this.path}.damaged`);
    } catch (error) {
      // An operator has removed the damaged file.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }

  /** Removes the file. Resolves when that is on the disk. */
  remove(): Promise<void> {
    const removed = this.#saving.then(async () => {
      await rm(this.path, { force: true });
      await syncPath(dirname(this.path));
    });
    this.#saving = removed.catch(() => {});
    return removed;
  }

  async #save(value: Static<S>): Promise<void> {
    const { durable = true, mode } = this.#options;
    if (!this.#swept) await sweepTemporary(this.path);
    this.#swept = true;
    if (this.#damaged) await this.#keepDamaged();
    this.#damaged = false;
    await replaceFile(this.path, `${JSON.stringify(value)}\n`, {
      durable,
      ...(mode === undefined ? {} : { mode }),
    });
  }
}

export type StateRead<S extends TSchema> =
  | { readonly kind: 'found'; readonly value: Static<S> }
  | { readonly kind: 'missing' }
  | { readonly kind: 'damaged'; readonly reason: string };

/** Reads such a file without a policy. @throws errors of the file system, except that there is no file */
export async function readStateFile<S extends TSchema>(path: string, schema: S): Promise<StateRead<S>> {
  const text = await readFileIfThere(path);
  if (text === null) return { kind: 'missing' };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { kind: 'damaged', reason: text.trim() === '' ? 'it is empty' : 'it is not JSON' };
  }
  if (Value.Check(schema, value)) return { kind: 'found', value };
  const { path: place, message } = Value.Errors(schema, value).First() ?? { path: '', message: 'unexpected' };
  return { kind: 'damaged', reason: `${place || '/'}: ${message}` };
}
