import type { CommandContext } from '../command.js';
import { nodeCommand } from '../node.js';
import { parseArguments } from '../parse-arguments.js';

/** `--start`: as `skein node --config` in this process. */
export function startNode(context: CommandContext, configFile: string): Promise<number> {
  const values = parseArguments(['--config', configFile], nodeCommand.options, nodeCommand.positionals);
  return nodeCommand.run(context, values);
}
