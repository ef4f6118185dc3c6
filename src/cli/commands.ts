import type { Command } from './command.js';
import { demoCommand } from './demo.js';
import { nodeCommand } from './node.js';
import { sqlCommand } from './sql.js';
import { statusCommand } from './status.js';
import { tokenCommand } from './token.js';

/** In the order in which `skein help` shows them. */
export const commands: readonly Command[] = [
  demoCommand,
  statusCommand,
  sqlCommand,
  tokenCommand,
  nodeCommand,
];
