import { join } from 'node:path';
import { Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { readFileIfThere, writeFileDurably } from '../../std/durable-file.js';

export interface DefinitionsNote {
  /** What the engine had made when the server was last opened: what has a higher id was made since. */
  readonly tableIdMax?: number;
  /** The server's clock then, as it tells it. */
  readonly openedAt?: string;
  /** Differences from the replicas that were seen in peace; see `differenceOf`. */
  readonly known?: readonly string[];
  /** Written by a person: the difference of this name is taken as it is. */
  readonly accept?: string;
}

const Schema = Type.Object({
  tableIdMax: Type.Optional(Type.Integer({ minimum: 0 })),
  openedAt: Type.Optional(Type.String({ pattern: '^[0-9: -]{19}$' })),
  known: Type.Optional(Type.Array(Type.String())),
  accept: Type.Optional(Type.String()),
});

export class DefinitionsFile {
  readonly path: string;

  constructor(stateDirectory: string) {
    this.path = join(stateDirectory, 'definitions.json');
  }

  /** What can not be read is not known. */
  async load(): Promise<DefinitionsNote> {
    const text = await readFileIfThere(this.path);
    try {
      const value: unknown = JSON.parse(text ?? '{}');
      if (Value.Check(Schema, value)) return value;
    } catch {
      // A person's slip: it is looked at again.
    }
    return {};
  }

  async save(note: DefinitionsNote): Promise<void> {
    await writeFileDurably(this.path, `${JSON.stringify(note)}\n`);
  }
}
