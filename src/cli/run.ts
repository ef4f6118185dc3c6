import { SkeinError } from '../model/error.js';
import { nearest } from '../std/nearest.js';
import type { Command, CommandContext, OptionSpec } from './command.js';
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
  commands: readonly Command[],
): Promise<number> {
  const [name, ...rest] = args;
  try {
    if (name === undefined || name === '--help' || name === '-h') return help([], context, commands);
    if (name === 'help') return help(rest, context, commands);
    const command = find(name, commands);
    if (rest.includes('--help') || rest.includes('-h')) return help([name], context, commands);
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

function help(args: readonly string[], { terminal }: CommandContext, commands: readonly Command[]): number {
  const [name] = args;
  terminal.out(name === undefined ? overview(commands) : helpOf(find(name, commands)));
  return 0;
}

function find(name: string, commands: readonly Command[]): Command {
  const command = commands.find((candidate) => candidate.name === name);
  if (command) return command;
  const names = [...commands.map((candidate) => candidate.name), 'help'];
  const guess = nearest(name, names);
  throw new UsageError(
    `There is no command "${name}". ${guess ? `Did you mean "${guess}"?` : `There are: ${names.join(', ')}.`}`,
  );
}
