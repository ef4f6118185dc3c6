import { join } from 'node:path';
import { Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { SkeinError } from '../../model/error.js';
import { readFileIfThere, writeFileDurably } from '../../std/durable-file.js';

/** DDL whose outcome the server's log does not tell, as it was noted before the server got it. */
export interface DdlNote {
  /** Its number in the cluster's history; all before it was applied. */
  readonly ordinal: number;
  /** What may have happened to it (see mysql-control/ddl-traces.ts). */
  readonly doubt: 'unlogged' | 'lost';
  /** What the server had of such things then (see LocalControl.ddlTraces). */
  readonly traces: string;
}

const Schema = Type.Object({
  ordinal: Type.Integer({ minimum: 1 }),
  doubt: Type.Union([Type.Literal('unlogged'), Type.Literal('lost')]),
  traces: Type.String(),
});

/** The last one only: it is looked at when the server died before it was noted as applied. */
export class DdlNoteFile {
  readonly #path: string;

  constructor(stateDirectory: string) {
    this.#path = join(stateDirectory, 'ddl.json');
  }

  /** @throws SkeinError DDL_NOTE_UNREADABLE */
  async load(): Promise<DdlNote | null> {
    const text = await readFileIfThere(this.#path);
    if (text === null) return null;
    const value = parse(text);
    if (Value.Check(Schema, value)) return value;
    throw new SkeinError(
      'DDL_NOTE_UNREADABLE',
      `${this.#path} is damaged: it says which DDL this replica's server was executing. If the server ended in order, ` +
        "remove the file. If the server crashed, remove the node's data, spool and state directories: the replica is filled again.",
    );
  }

  /** Resolves when it is on the disk. */
  async save(note: DdlNote): Promise<void> {
    await writeFileDurably(this.#path, `${JSON.stringify(note)}\n`);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
