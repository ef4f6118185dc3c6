#!/usr/bin/env node
import { commands } from './cli/commands.js';
import { runCommandLine } from './cli/run.js';
import { systemContext } from './cli/system-context.js';

/** argv -> command; exit codes 0 (done), 1 (failed), 2 (the command line is wrong) and signals; nothing else. */
const { context, close } = systemContext();
try {
  process.exitCode = await runCommandLine(process.argv.slice(2), context, commands);
} finally {
  close();
  // Everything has been closed by now; what still keeps the process alive must not keep it running forever.
  setTimeout(() => process.exit(), 3000).unref();
}
