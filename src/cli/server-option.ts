/** `--server` of the commands that prepare nodes: which database server they start. */
import { resolve } from 'node:path';
import { parseServerChoice, SERVER_CHOICES, SERVER_NAMES } from '../model/server-choice.js';
import { nearest } from '../std/nearest.js';
import type { OptionSpec, ParsedValues } from './command.js';
import { UsageError } from './usage-error.js';

export const SERVER_OPTION: OptionSpec = {
  type: 'string',
  value: '<server>',
  help: `the database server: ${SERVER_CHOICES} (default: what SKEIN_SERVER says, else one of this machine, else a fetched one)`,
};

/** As node.json has it, a path absolute; null = not given. @throws UsageError */
export function serverOption(values: ParsedValues, cwd: string): string | null {
  const text = values.text('server');
  if (text === undefined) return null;
  const choice = parseServerChoice(text);
  if (choice !== null && choice.kind !== 'any') return choice.kind === 'program' ? resolve(cwd, text) : text;
  const guess = nearest(text, SERVER_NAMES);
  throw new UsageError(
    `--server is "${text}"; expected ${SERVER_CHOICES}.${guess === null ? '' : ` Did you mean ${guess}?`}`,
  );
}
