import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { freePorts } from '../../test/kit/processes.js';
import { until } from '../../test/kit/until.js';
import type { NamedProcess } from './process-figures.js';

/** A peer of the ports, written in C: one HAProxy process that passes TCP on to the server. */
export class Haproxy {
  readonly port: number;
  readonly #child: ChildProcess;

  static async start(command: string, directory: string, serverPort: number): Promise<Haproxy> {
    const port = await freePorts([0]);
    const file = join(directory, 'haproxy.cfg');
    // Mode tcp, no checks and no log: the least that it can do. One thread, as a node has one for its ports.
    await writeFile(
      file,
      `global
  nbthread 1
defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
listen mysql
  bind 127.0.0.1:${port}
  server primary 127.0.0.1:${serverPort}
`,
    );
    const child = spawn(command, ['-db', '-f', file], { stdio: ['ignore', 'inherit', 'inherit'] });
    const haproxy = new Haproxy(port, child);
    await once(child, 'spawn');
    await until('HAProxy listens', () => accepts(port));
    return haproxy;
  }

  private constructor(port: number, child: ChildProcess) {
    this.port = port;
    this.#child = child;
  }

  get process(): NamedProcess {
    return { name: 'haproxy', pid: this.#child.pid ?? 0 };
  }

  async dispose(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await exited;
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const answer = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    socket.once('connect', () => answer(true));
    socket.once('error', () => answer(false));
  });
}
