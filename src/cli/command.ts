import type { Emitter } from '../std/emitter.js';

/** Input and output of a command; tests pass their own. */
export interface Terminal {
  /** Text of several lines; control characters in it are escaped (std/terminal-text.ts). */
  out(text: string): void;
  err(text: string): void;
  /** A JSON text, unchanged; on a terminal also characters that JSON leaves unescaped are escaped. */
  json(text: string): void;
  /** Only for our own control sequences. */
  control(sequence: string): void;
  readonly isTerminal: boolean;
  /** True once the reader has closed the output. */
  isGone(): boolean;
  stdin(): Promise<string>;
  /** Standard input as it comes. */
  input(): AsyncIterable<Uint8Array>;
  /**
   * Bytes, unchanged; on a terminal control characters are escaped. Resolves when there is room for more, or when the reader
   * has closed the output.
   */
  write(bytes: Uint8Array): Promise<void>;
}

export interface CommandContext {
  readonly terminal: Terminal;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Aborted by the first SIGINT or SIGTERM, with a StopSignal: stop in order. */
  readonly signal: AbortSignal;
  /** Each further one, counted from 2. */
  readonly interrupted: Emitter<number>;
}

export interface OptionSpec {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  readonly multiple?: boolean;
  /** What stands for the value in the help text, e.g. `<ms>`. */
  readonly value?: string;
  readonly help: string;
}

/** The arguments of a command line, by its options. */
export interface ParsedValues {
  readonly positionals: readonly string[];
  flag(name: string): boolean;
  text(name: string): string | undefined;
  texts(name: string): readonly string[];
  /** @throws UsageError when the text is not a whole number within the limits. */
  integer(name: string, limits: { least: number; most: number }): number | undefined;
  /** @throws UsageError when the text is none of the words. */
  oneOf<Word extends string>(name: string, words: readonly Word[]): Word | undefined;
}

/** Data for the list of commands. A command's code is loaded only when it runs, so that each command starts fast. */
export interface CommandEntry {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  load(): Promise<Command>;
}

/** One command of `skein`. */
export interface Command {
  /** What follows `skein <name>`, e.g. `"<sql>" [options]`. */
  readonly usage: string;
  readonly description: string;
  readonly options: Readonly<Record<string, OptionSpec>>;
  readonly examples: readonly (readonly [command: string, meaning: string])[];
  /** How many positional arguments it takes. */
  readonly positionals: readonly [least: number, most: number];
  /** Resolves with the exit code. */
  run(context: CommandContext, values: ParsedValues): Promise<number>;
}
