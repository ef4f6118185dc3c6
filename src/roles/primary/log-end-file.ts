import { readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Up to where the primary last knew its log to be committed, kept outside of the server's data: a log that ends before it
 * was lost or replaced by an older copy, also within one epoch. A lower bound, so that nothing has to be fsynced: what a
 * power cut leaves is an older number, or none.
 */
export class LogEndFile {
  readonly #path: string;
  #known: number | null = null;
  #writing = false;

  constructor(stateDirectory: string) {
    this.#path = join(stateDirectory, 'log-end.json');
  }

  /** 0 = nothing is known. */
  get ordinal(): number {
    this.#known ??= read(this.#path);
    return this.#known;
  }

  /** Never throws and waits for nobody: what could not be written is written with the next call. */
  note(ordinal: number): void {
    if (ordinal <= this.ordinal || this.#writing) return;
    this.#writing = true;
    this.#write(ordinal)
      .catch(() => {})
      .finally(() => {
        this.#writing = false;
      });
  }

  async #write(ordinal: number): Promise<void> {
    await writeFile(`${this.#path}.new`, JSON.stringify({ ordinal }), { mode: 0o600 });
    await rename(`${this.#path}.new`, this.#path);
    this.#known = ordinal;
  }
}

function read(path: string): number {
  try {
    const { ordinal } = JSON.parse(readFileSync(path, 'utf8')) as { ordinal?: unknown };
    return Number.isSafeInteger(ordinal) ? (ordinal as number) : 0;
  } catch {
    return 0;
  }
}
