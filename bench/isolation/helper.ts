/** Processes beside the bench that answer its questions: `Helper` is the bench's end, `answerBench` the other one. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { NamedProcess } from '../throughput/process-figures.js';

interface Question {
  readonly id: number;
  readonly name: string;
  readonly argument: unknown;
}
type Answer = { readonly id: number } & ({ readonly value: unknown } | { readonly error: string });

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

export class Helper {
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  #last = 0;

  constructor(name: string, script: URL) {
    this.#name = name;
    // In a session of its own: the kernel gives CPU time to sessions before it gives it to processes (autogroup).
    this.#child = fork(fileURLToPath(script), { detached: true });
    this.#child.on('message', (answer: Answer) => {
      const waiting = this.#waiting.get(answer.id);
      this.#waiting.delete(answer.id);
      if ('error' in answer) waiting?.reject(new Error(`${name}: ${answer.error}`));
      else waiting?.resolve(answer.value);
    });
    this.#child.on('exit', (code, signal) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`${name} ended: ${signal ?? code}`));
      this.#waiting.clear();
    });
  }

  get process(): NamedProcess {
    return { name: this.#name, pid: this.#child.pid ?? 0 };
  }

  /** @throws Error what its function threw, or that it has ended */
  ask<T>(name: string, argument?: unknown): Promise<T> {
    return new Promise((resolve, reject) => {
      const id = ++this.#last;
      this.#waiting.set(id, { resolve: (value) => resolve(value as T), reject });
      this.#child.send({ id, name, argument } satisfies Question, (error) => {
        if (error) reject(error);
      });
    });
  }

  end(): void {
    if (this.#child.connected) this.#child.disconnect();
  }
}

/** Ends the process when the bench does. */
export function answerBench(functions: Readonly<Record<string, (argument: never) => unknown>>): void {
  process.on('disconnect', () => process.exit());
  process.on('message', async ({ id, name, argument }: Question) => {
    const answer = await outcome(async () => functions[name]?.(argument as never));
    process.send?.({ id, ...answer });
  });
}

async function outcome(work: () => Promise<unknown>): Promise<{ value: unknown } | { error: string }> {
  try {
    return { value: await work() };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}
