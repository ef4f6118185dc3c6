import { join } from 'node:path';
import { Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { ORIGIN, type Position } from '../model/position.js';
import { readFileIfThere, writeFileDurably } from '../std/durable-file.js';

/** Where the primary's log and its engine were last seen to have the same XA branches prepared. */
export interface XaAgreement {
  readonly at: Position;
  readonly branches: readonly string[];
  /** Branches that the engine had lost and whose end is being logged; what the engine has of them is a stand-in. */
  readonly ending: readonly string[];
  /** Written by a person: how a branch ended that is in doubt. */
  readonly decided?: Readonly<Record<string, 'commit' | 'rollback'>>;
}

const Schema = Type.Object({
  at: Type.Object({
    epoch: Type.Integer({ minimum: 0 }),
    ordinal: Type.Integer({ minimum: 0 }),
    gtid: Type.String(),
  }),
  branches: Type.Array(Type.String()),
  ending: Type.Array(Type.String()),
  decided: Type.Optional(
    Type.Record(Type.String(), Type.Union([Type.Literal('commit'), Type.Literal('rollback')])),
  ),
});

export class XaFile {
  readonly #path: string;

  constructor(stateDirectory: string) {
    this.#path = join(stateDirectory, 'xa.json');
  }

  /** Without a file that can be read the whole log has to be. */
  async load(): Promise<XaAgreement> {
    const text = await readFileIfThere(this.#path);
    try {
      const value: unknown = JSON.parse(text ?? 'null');
      if (Value.Check(Schema, value)) return value;
    } catch {
      // As if it were missing.
    }
    return { at: ORIGIN, branches: [], ending: [] };
  }

  get path(): string {
    return this.#path;
  }

  async save(agreement: XaAgreement): Promise<void> {
    await writeFileDurably(this.#path, `${JSON.stringify(agreement)}\n`);
  }
}
