// A node as `skein node` runs it, but for its election, which a test holds. Each line on a local socket is a role
// ({"kind":"primary"} or {"kind":"replica","primary":"n2"}); the node answers with one line when it has heard it.
// Arguments: the configuration, the socket's path, the first role.
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { loadNodeConfig } from '../../../dist/config/node-config.js';
import { epochFile } from '../../../dist/election/epoch-file.js';
import { FixedPrimary } from '../../../dist/election/fixed-primary.js';
import { runNode } from '../../../dist/node.js';
import { writePidFile } from '../../../dist/std/pid-file.js';
import { createNodeLogger, nodeLog } from '../../../dist/std/pino-logger.js';
import { RotatingFile } from '../../../dist/std/rotating-file.js';

const [configFile, socketPath, firstRole] = process.argv.slice(2);
const config = loadNodeConfig(configFile);

/** Epoch numbers as the product gives them; roles as they are told. */
class HandHeld extends FixedPrimary {
  #next = [JSON.parse(firstRole)];
  #wake = () => {};

  assign(role) {
    this.#next.push(role);
    this.#wake();
  }

  async next(signal) {
    while (this.#next.length === 0) {
      signal.throwIfAborted();
      await new Promise((resolve) => {
        this.#wake = resolve;
        signal.addEventListener('abort', resolve, { once: true });
      });
    }
    return this.#next.shift();
  }
}

const election = new HandHeld(
  { node: config.name, primary: null },
  { epochFile: epochFile(join(config.directory, 'state')) },
);
const server = createServer((socket) => {
  createInterface({ input: socket }).on('line', (line) => {
    election.assign(JSON.parse(line));
    socket.write('{"taken":true}\n');
  });
  socket.on('error', () => {});
});
server.listen(socketPath);

const logFile = new RotatingFile({ path: join(config.directory, 'node.log'), bytesMax: config.logBytesMax });
const sink = nodeLog({ file: logFile, terminal: null });
const logger = createNodeLogger({ sink, level: config.logLevel, bindings: { node: config.name } });
await writePidFile(join(config.directory, 'node.pid'));
const stop = new AbortController();
process.on('SIGTERM', () => stop.abort());
try {
  await runNode(config, { logger, logFile, sink, signal: stop.signal, election });
} catch (error) {
  logger.error({ error }, 'node failed');
  process.exitCode = 1;
}
server.close();
process.exit();
