import { createWriteStream, mkdirSync, type WriteStream } from 'node:fs';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';

/** A promise that was broken. */
export interface Violation {
  /** `set`, `bank`, `register`, `reads`, `cluster`. */
  readonly of: string;
  readonly what: string;
}

/** Everything that clients asked and were answered, and what was done to the cluster, as JSON lines; and its clock. */
export class History {
  readonly directory: string;
  readonly violations: Violation[] = [];
  readonly #startedMs = performance.now();
  readonly #file: WriteStream;
  readonly #acknowledgedMs: number[] = [];

  constructor(directory: string) {
    mkdirSync(directory, { recursive: true });
    this.directory = directory;
    this.#file = createWriteStream(join(directory, 'history.jsonl'));
  }

  /** Milliseconds since the beginning. */
  get nowMs(): number {
    return performance.now() - this.#startedMs;
  }

  record(of: string, what: object): void {
    this.#file.write(`${JSON.stringify({ atMs: Math.round(this.nowMs), of, ...what })}\n`);
  }

  /** A client was told that its write is done. */
  acknowledged(): void {
    this.#acknowledgedMs.push(this.nowMs);
  }

  /** The longest time between two acknowledgements, of any clients, that ended after `fromMs`. */
  pauseSince(fromMs: number): number {
    let pauseMs = 0;
    let laterMs = this.nowMs;
    for (let i = this.#acknowledgedMs.length - 1; i >= 0 && laterMs > fromMs; i--) {
      const atMs = this.#acknowledgedMs[i] ?? 0;
      pauseMs = Math.max(pauseMs, laterMs - atMs);
      laterMs = atMs;
    }
    return pauseMs;
  }

  violation(of: string, what: string): void {
    this.violations.push({ of, what });
    this.record('violation', { in: of, what });
    console.error(`VIOLATION (${Math.round(this.nowMs)} ms after the beginning), ${of}: ${what}`);
  }

  async close(): Promise<void> {
    this.#file.end();
    await finished(this.#file);
  }
}
