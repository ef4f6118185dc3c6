import { join } from 'node:path';
import { type Static, Type } from '@sinclair/typebox';
import type { Chain } from '../model/chain.js';
import { SkeinError } from '../model/error.js';
import { Emitter } from '../std/emitter.js';
import { StateFile } from '../std/state-file.js';

const TextOrNull = Type.Union([Type.String(), Type.Null()]);

const Member = Type.Object({
  name: Type.String(),
  incarnation: Type.String(),
  voter: Type.Boolean(),
  link: Type.Object({ host: Type.String(), port: Type.Integer() }),
  http: Type.String(),
  mysqlRw: TextOrNull,
  mysqlRo: TextOrNull,
  witness: Type.Optional(Type.Boolean()),
});

const Schema = Type.Array(
  Type.Object({
    /** 0 = the founding list, before the first epoch. */
    epoch: Type.Integer({ minimum: 0 }),
    number: Type.Integer({ minimum: 0 }),
    beginsAfter: Type.Object({
      epoch: Type.Integer({ minimum: 0 }),
      ordinal: Type.Integer({ minimum: 0 }),
      gtid: Type.String(),
    }),
    primary: Type.String(),
    members: Type.Union([Type.Array(Member), Type.Null()]),
  }),
);

/** The chain as this node knows it. It is kept forever, in its own fsynced file (rule H2). */
export class ChainFile {
  readonly #file: StateFile<typeof Schema, []>;
  /** The chain on the disk is another one. */
  readonly onChange = new Emitter<void>();
  #chain: Chain = [];
  #changing: Promise<void> = Promise.resolve();

  constructor(stateDirectory: string) {
    this.#file = new StateFile({
      path: join(stateDirectory, 'chain.json'),
      schema: Schema,
      missing: [],
      onDamage: {
        refuse: ({ path, reason }) =>
          new SkeinError(
            'CHAIN_UNREADABLE',
            `${path} is not a list of epochs and members (${reason}). Copy the file from another node of this cluster. It is the same on all nodes, except for the newest entries.`,
          ),
      },
    });
  }

  get chain(): Chain {
    return this.#chain;
  }

  /** @throws SkeinError CHAIN_UNREADABLE */
  async load(): Promise<void> {
    this.#chain = await this.#file.load();
  }

  /** Resolves when the chain is on the disk. */
  save(chain: Chain): Promise<void> {
    return this.change(() => chain);
  }

  /**
   * Replaces the chain by what `next` makes of it. Changes are made one after the other, so none overwrites another. Resolves
   * when the chain is on the disk. Rejects with what `next` throws, and then nothing is changed.
   */
  change(next: (chain: Chain) => Chain): Promise<void> {
    const changed = this.#changing.then(async () => {
      const chain = next(this.#chain);
      if (chain === this.#chain) return;
      await this.#file.save(chain as Static<typeof Schema>);
      this.#chain = chain;
      this.onChange.emit();
    });
    this.#changing = changed.catch(() => {});
    return changed;
  }
}
