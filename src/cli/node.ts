import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { requireDescriptors } from '../config/descriptor-budget.js';
import { loadNodeConfig, type NodeConfig } from '../config/node-config.js';
import { messageOf, SkeinError } from '../model/error.js';
import { aliveFile, type KeptAlive, keepAliveFile, leftBehind } from '../std/alive-file.js';
import { descriptorLimit } from '../std/descriptor-limit.js';
import { takeLock } from '../std/lock-file.js';
import type { Logger } from '../std/logger.js';
import { removeOwnPidFile, writePidFile } from '../std/pid-file.js';
import { createNodeLogger, nodeLog } from '../std/pino-logger.js';
import { commandOf } from '../std/process-identity.js';
import { RotatingFile } from '../std/rotating-file.js';
import type { Command, CommandContext } from './command.js';
import { SystemdWatchdog } from './systemd-watchdog.js';
import { tuneV8 } from './tune-v8.js';
import { UsageError } from './usage-error.js';

export const nodeCommand: Command = {
  usage: '--config <file> [--witness]',
  description: `Runs one node in the foreground until SIGINT or SIGTERM stops it in order, and its server with it. When the node is
killed, its server stays up, and the next start takes it over. Logs go to node.log in the node's directory
(JSON lines, rotated), and readable to the terminal when there is one.

\`skein demo\` writes such a file for each node of a local cluster: .skein/n1/node.json is an example.`,
  options: {
    config: { type: 'string', short: 'c', value: '<file>', help: 'the node’s configuration (JSON)' },
    witness: {
      type: 'boolean',
      help: 'refuse to start unless the file is that of a witness, a voter without a server ("witness": true)',
    },
  },
  examples: [
    ['skein node --config .skein/n2/node.json', 'a second node by hand'],
    ['skein node --witness --config /var/lib/skein/node.json', 'what `skein join --witness` has prepared'],
  ],
  positionals: [0, 0],

  async run(context, values) {
    const file = values.text('config');
    if (file === undefined) throw new UsageError('--config is missing.');
    requireDescriptors(descriptorLimit());
    const config = loadNodeConfig(file);
    if (values.flag('witness') && !config.witness)
      throw new UsageError(
        `${file} is that of a node with a server. A witness joins the cluster as one: skein join <address> --token <token> --witness`,
      );
    createDirectory(config);
    const lock = takeLock(join(config.directory, 'node.lock'));
    if (lock.kind === 'taken') throw runsAlready(config, lock.owner.pid);
    const pidFile = join(config.directory, 'node.pid');
    let alive: KeptAlive | null = null;
    try {
      await writePidFile(pidFile);
      const before = leftBehind(aliveFile(config.directory));
      alive = keepAliveFile(aliveFile(config.directory));
      return await runLogged(config, { before, alive }, context);
    } finally {
      alive?.end();
      removeOwnPidFile(pidFile);
      lock.release();
    }
  },
};

async function runLogged(
  config: NodeConfig,
  { before, alive }: { before: ReturnType<typeof leftBehind>; alive: KeptAlive },
  { env, signal, interrupted }: CommandContext,
): Promise<number> {
  const logFile = new RotatingFile({
    path: join(config.directory, 'node.log'),
    bytesMax: config.logBytesMax,
  });
  const sink = nodeLog({ file: logFile, terminal: process.stderr.isTTY ? process.stderr : null });
  const logger = createNodeLogger({ sink, level: config.logLevel, bindings: { node: config.name } });
  const started = performance.now();
  interrupted.on((count) => interruptedAgain(count, logger));
  logger.info({ pid: process.pid, version: process.version, directory: config.directory }, 'node started');
  if (before) logger.warn(before, 'the previous process did not end in order');
  const watchdog = SystemdWatchdog.start({ env, pid: process.pid }, { logger });
  try {
    tuneV8();
    // Loaded only now, so that an invalid configuration is reported fast.
    const { runNode } = await import('../node.js');
    await runNode(config, { logger, logFile, sink, diskWrites: alive.writes, signal });
  } catch (error) {
    logger.error({ error }, 'node failed');
    throw error;
  } finally {
    watchdog?.stop();
  }
  logger.info({ upMs: Math.round(performance.now() - started) }, 'node stopped');
  return 0;
}

function interruptedAgain(count: number, logger: Logger): void {
  if (count === 2) {
    logger.warn({}, 'stopping in order; a third signal ends the node at once and leaves its server running');
    return;
  }
  logger.warn({}, 'ended at once by a third signal');
  process.exit(1);
}

function createDirectory({ directory }: NodeConfig): void {
  try {
    mkdirSync(directory, { recursive: true });
  } catch (error) {
    throw new SkeinError(
      'DIRECTORY_UNUSABLE',
      `The directory ${directory} cannot be made: ${messageOf(error)}`,
      {
        cause: error,
      },
    );
  }
}

function runsAlready({ name, directory }: NodeConfig, pid: number): SkeinError {
  return new SkeinError(
    'NODE_RUNS_ALREADY',
    `${name} runs already in ${directory}: process ${pid} (${commandOf(pid)}).`,
  );
}
