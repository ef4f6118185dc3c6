import { SkeinError } from '../model/error.js';
import { nearest } from '../std/nearest.js';
import type { CommandContext, CommandEntry, OptionSpec } from './command.js';
import { helpOf, overview } from './help.js';
import { parseArguments } from './parse-arguments.js';
import { UsageError } from './usage-error.js';

const HELP: OptionSpec = { type: 'boolean', short: 'h', help: 'this text' };

/**
 * Finds the command, runs it, and turns whatever happens into an exit code and a message:
 * 0 done, 1 failed, 2 the command line is wrong.
 */
export async function runCommandLine(
  args: readonly string[],
  context: CommandContext,
  commands: readonly CommandEntry[],
): Promise<number> {
  const [name, ...rest] = args;
  try {
    if (name === undefined || name === '--help' || name === '-h') return await help([], context, commands);
    if (name === 'help') return await help(rest, context, commands);
    const entry = find(name, commands);
    if (rest.includes('--help') || rest.includes('-h')) return await help([name], context, commands);
    const command = await entry.load();
    return await command.run(
      context,
      parseArguments(rest, { ...command.options, help: HELP }, command.positionals),
    );
  } catch (error) {
    if (context.signal.aborted) return 1;
    if (!(error instanceof SkeinError)) throw error;
    context.terminal.err(`skein: ${error.message}\n`);
    if (error.code !== 'USAGE') return 1;
    context.terminal.err(
      `Try: skein help${commands.some((command) => command.name === name) ? ` ${name}` : ''}\n`,
    );
    return 2;
  }
}

async function help(
  [name]: readonly string[],
  { terminal }: CommandContext,
  commands: readonly CommandEntry[],
): Promise<number> {
  if (name === undefined) {
    terminal.out(overview(commands));
  } else {
    const entry = find(name, commands);
    terminal.out(helpOf(entry, await entry.load()));
  }
  return 0;
}

function find(name: string, commands: readonly CommandEntry[]): CommandEntry {
  const command = commands.find((candidate) => candidate.name === name);
  if (command) return command;
  const names = [...commands.map((candidate) => candidate.name), 'help'];
  const guess = nearest(name, names);
  throw new UsageError(
    `There is no command "${name}". ${guess ? `Did you mean "${guess}"?` : `There are: ${names.join(', ')}.`}`,
  );
}
